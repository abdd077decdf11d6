"""The HTTP faces of the content kernel."""
