"""The command line: a module per verb, each a thin door onto the use cases."""
