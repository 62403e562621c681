"""Turn a request and an observation into a plan, or a refusal with every reason; pure."""
