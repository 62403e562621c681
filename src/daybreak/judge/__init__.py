"""Answers to findings, findings to a verdict: what a restored database is, in the words of ``validate``; pure."""
