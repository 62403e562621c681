"""The configuration of a clone, and what stands around it, against those of its source."""
