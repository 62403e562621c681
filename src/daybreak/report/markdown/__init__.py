"""A plan as a runbook and a report as a document, in Markdown."""
