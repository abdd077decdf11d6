"""Pages of both admin sites; importing this registers them."""

from tenants.admin import audit, content, domains, keys, members, platform, profile

__all__ = ["audit", "content", "domains", "keys", "members", "platform", "profile"]
