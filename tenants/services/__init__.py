"""Writes about tenants, people and access; one function per use case."""
