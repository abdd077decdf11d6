"""One file of a tenant's site."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class SiteFile:
    """What stands at one address of a site.

    Args:
        path: The address on the site, with a slash in front.
        content_type: With the character set.
        record_id: Whose page it is; None for lists, feeds and all else that is no record's.
    """

    path: str
    content_type: str
    body: bytes
    record_id: UUID | None = None

    @cached_property
    def etag(self) -> str:
        """A strong entity tag, quoted as in the header: another body has another one."""
        return f'"{blake2b(self.body, digest_size=16).hexdigest()}"'
