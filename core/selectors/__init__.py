"""Reads that cross models or shape an answer."""
