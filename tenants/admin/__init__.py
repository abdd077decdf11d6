"""Pages of both admin sites; importing this registers them."""

from tenants.admin import audit, content

__all__ = ["audit", "content"]
