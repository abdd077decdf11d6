"""Plain text from safe HTML, and what is counted and cut from it."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

_BLOCK_END: Final = re.compile(
    r"</(?:p|h[1-6]|li|tr|pre|blockquote|dt|dd|figcaption|summary|div|section)>|<(?:br|hr)\b"
)
_CELL_END: Final = re.compile(r"</t[dh]>\s*")
_TAG: Final = re.compile(r"""<[^"'>]*(?:"[^"]*"[^"'>]*)*>""")
_SPACES: Final = re.compile(r"[^\S\n]+")
_LINES: Final = re.compile(r" ?\n[\s]*")
# Scripts without spaces between words: each character counts as a word there.
_IDEOGRAPH: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_WORD: Final = re.compile(r"\w+(?:['\u2019.,-]\w+)*")


def plain_text(html: str) -> str:
    """Return the words of safe HTML (as `render_markdown` makes it), one line per block, without markup."""
    text = _BLOCK_END.sub(lambda match: "\n" + match.group(), html)
    text = _TAG.sub("", _CELL_END.sub(" ", text))
    return _LINES.sub("\n", _SPACES.sub(" ", unescape(text))).strip()


def word_count(text: str) -> int:
    """Return how many words a reader counts in plain text."""
    ideographs = len(_IDEOGRAPH.findall(text))
    return ideographs + len(_WORD.findall(_IDEOGRAPH.sub(" ", text)))


def excerpt(text: str, limit: int = 220) -> str:
    """Return the beginning of plain text on one line, cut between words and marked with an ellipsis if cut.

    Args:
        limit: Most characters of the result, ellipsis included.
    """
    line = " ".join(text[: limit * 4].split())
    if len(line) <= limit and len(text) <= limit * 4:
        return line
    cut = line[: limit - 1]
    if " " in cut and not line[limit - 1 : limit].isspace():
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip(" ,;:.\u2013\u2014-") + "…"
