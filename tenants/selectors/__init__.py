"""Reads about tenants, people and access."""
