"""Request and observation to plan, or a refusal with every reason; pure."""
