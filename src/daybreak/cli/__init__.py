"""The command line: a module for each verb, a thin door onto the use cases."""
