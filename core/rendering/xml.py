"""Text that may stand in an XML document."""

from __future__ import annotations

import re
from typing import Final

# Source: XML 1.0, section 2.2: these characters have no place in a document, escaped or not.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def xml_text(text: str) -> str:
    """Return `text` without the control characters that would make a document unreadable."""
    return _FORBIDDEN.sub("", text)
