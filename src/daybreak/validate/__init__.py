"""Ask a clone questions: probes ask, checks judge."""
