"""Sends what happens to a tenant's content to addresses of its choice, signed as Standard Webhooks."""

from .plugin import WebhooksPlugin

__all__ = ["WebhooksPlugin"]
