"""Observation or findings to opinion: standing, outcome, verdict, protection; pure."""
