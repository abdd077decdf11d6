"""XML documents, and text that may stand in one."""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

# Source: XML 1.0, section 2.2: these characters have no place in a document, escaped or not.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def xml_text(text: str) -> str:
    """Return `text` without the control characters that would make a document unreadable."""
    return _FORBIDDEN.sub("", text)


def xml_document(root: ET.Element) -> bytes:
    """Return an element as a UTF-8 document."""
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode").encode()
