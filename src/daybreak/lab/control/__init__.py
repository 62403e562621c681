"""The control plane's own: time, jobs, documents, and the faults that somebody plants."""
