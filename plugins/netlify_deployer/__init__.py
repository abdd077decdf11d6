"""Deploys a tenant's site at Netlify when its published content changes."""

from .plugin import NetlifyDeployer

__all__ = ["NetlifyDeployer"]
