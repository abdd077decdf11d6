"""Wires the apps together: settings, URLs, processes. Nothing imports from here but the entry points."""
