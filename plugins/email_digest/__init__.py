"""Sends a daily mail about what was published."""

from .plugin import EmailDigestPlugin

__all__ = ["EmailDigestPlugin"]
