"""The control plane's own parts: time, jobs, documents, and planted faults."""
