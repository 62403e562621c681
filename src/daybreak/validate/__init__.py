"""Ask a restored database questions: probes ask, checks judge."""
