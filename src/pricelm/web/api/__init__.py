"""The HTTP service: what a machine asks. It decides nothing; the services do."""
