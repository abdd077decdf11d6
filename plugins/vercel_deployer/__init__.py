"""Deploys a tenant's site at Vercel when its published content changes."""

from .plugin import VercelDeployer

__all__ = ["VercelDeployer"]
