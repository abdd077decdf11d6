"""The HTTP API that manages plugins."""
