"""Brings the figures of Google Search Console beside the pages that they are about."""

from .plugin import GSCIntegration

__all__ = ["GSCIntegration"]
