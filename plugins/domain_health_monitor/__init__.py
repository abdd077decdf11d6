"""Watches a tenant's domains: names, certificates, answers, redirects and security headers."""

from .plugin import DomainHealthMonitor

__all__ = ["DomainHealthMonitor"]
