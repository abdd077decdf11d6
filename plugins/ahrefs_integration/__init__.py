"""Brings what Ahrefs knows of a site beside its pages: keywords, backlinks, rankings."""

from .plugin import AhrefsIntegration

__all__ = ["AhrefsIntegration"]
