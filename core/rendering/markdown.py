"""Markdown to safe HTML.

Two stages. markdown-it-py turns CommonMark with tables, strike-through, footnotes and heading anchors into HTML;
raw HTML in the source passes through it. nh3 then keeps an allow-list of that. Only the second stage is trusted:
whatever the first one, one of its plugins or the highlighter lets through, nothing outside the lists below leaves
this module. `style`, `svg` and `math` are not on them: their parsing rules are where sanitisers have been tricked.

Ids are kept, because links into a page need them. Scripts of a page that shows this HTML must therefore not rely on
global names that an element id could shadow; the default theme has no scripts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.common import normalize_url
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.footnote import footnote_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from core.errors import FieldError, Invalid

MAX_SOURCE_CHARACTERS: Final = 1_000_000
# Far above any real paragraph; what is longer is shown as it stands.
MAX_PARAGRAPH_CHARACTERS: Final = 20_000
# Cleaning takes time and memory by elements times nesting, since unclosed formatting is opened again in every
# paragraph that follows. Raw HTML that would cost more than this is shown as text.
MAX_CLEANING_COST: Final = 4_000_000
# Highlighting costs more than everything else together; a listing above this size is shown plain.
MAX_HIGHLIGHTED_CHARACTERS: Final = 20_000
MAX_HIGHLIGHTED_TOTAL: Final = 200_000
LINK_REL: Final = "nofollow noopener"

ALLOWED_TAGS: Final = frozenset(
    "a abbr b blockquote br caption cite code dd del details dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr"
    " i img ins kbd li mark ol p pre q s samp section small span strong sub summary sup table tbody td tfoot th thead"
    " time tr u ul var wbr".split()
)
ALLOWED_ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": {"id", "title", "lang", "dir"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height", "loading"},
    "ol": {"start", "reversed"},
    "li": {"value"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
    "details": {"open"},
    "blockquote": {"cite"},
    "q": {"cite"},
}
ALLOWED_SCHEMES: Final = frozenset({"http", "https", "mailto", "tel"})
HIGHLIGHT_CLASSES: Final = frozenset(name for name in STANDARD_TYPES.values() if name)
ALLOWED_CLASSES: Final[dict[str, set[str]]] = {
    "span": set(HIGHLIGHT_CLASSES),
    "pre": {"highlight"},
    "div": {"table-scroll"},
    "th": {"left", "center", "right"},
    "td": {"left", "center", "right"},
    "a": {"anchor", "footnote-backref"},
    "sup": {"footnote-ref"},
    "hr": {"footnotes-sep"},
    "section": {"footnotes"},
    "ol": {"footnotes-list"},
    "li": {"footnote-item"},
}

# nh3 writes `rel` on every link. Attribute values never hold a plain double quote in its output, so this matches
# whole, real start tags only: those whose address has neither scheme nor host.
_INTERNAL_LINK: Final = re.compile(
    r'(<a(?: [a-z-]+="[^"]*")*? href="(?![a-zA-Z][a-zA-Z0-9+.-]*:|//|\\)[^"]*"(?: [a-z-]+="[^"]*")*?)'
    rf' rel="{LINK_REL}"'
)
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_VOID_TAGS: Final = frozenset("area base br col embed hr img input link meta source track wbr".split())
_PLAIN_URL: Final = re.compile(r"^https?://[a-z0-9.-]+(?:/[A-Za-z0-9._~/#?=&+-]*)?$")
_TEXT_TOKENS: Final = frozenset({"text", "code_inline"})
_SLUG_DROPPED: Final = re.compile(r"[^\w\- ]+")


def render_markdown(source: str) -> str:
    """Return safe HTML for a Markdown text.

    Args:
        source: Markdown of at most `MAX_SOURCE_CHARACTERS` characters; raw HTML in it is cleaned, not escaped.

    Raises:
        Invalid: The text is too long.
    """
    if len(source) > MAX_SOURCE_CHARACTERS:
        text = f"The text has {len(source):,} characters; at most {MAX_SOURCE_CHARACTERS:,} can be rendered."
        raise Invalid(text, code="too_long", errors=[FieldError(pointer="", message=text, code="maxLength")])
    html = _parser(raw_html=True).render(source, {"highlighted": 0})
    if _cleaning_cost(html) > MAX_CLEANING_COST:
        html = _parser(raw_html=False).render(source, {"highlighted": 0})
    return clean_html(html)


def clean_html(html: str) -> str:
    """Return `html` reduced to the allow-list, with `rel` on links that leave the site."""
    return _INTERNAL_LINK.sub(r"\1", _cleaner().clean(html))


def _cleaning_cost(html: str) -> int:
    """Elements times the most that are open at once, counting those that nobody closes."""
    elements = depth = deepest = 0
    for closing, name in _TAG.findall(html):
        if closing:
            depth -= 1
        elif name.lower() not in _VOID_TAGS:
            elements += 1
            depth += 1
            deepest = max(deepest, depth)
    return elements * deepest


class _Renderer(RendererHTML):
    """HTML with highlighted listings, tables that scroll by themselves and images that load late."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        language = token.info.split(maxsplit=1)[0].lower() if token.info.strip() else ""
        return _listing(token.content, language, env)

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _listing(tokens[idx].content, "", env)

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return '<div class="table-scroll"><table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _cell(tokens[idx])

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _cell(tokens[idx])

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        tokens[idx].attrSet("loading", "lazy")
        return super().image(tokens, idx, options, env)


def _cell(token: Token) -> str:
    """The start tag of a table cell; the parser says the alignment as a style, which is not allowed here."""
    alignment = str(token.attrGet("style") or "").removeprefix("text-align:")
    return f'<{token.tag} class="{alignment}">' if alignment else f"<{token.tag}>"


def _listing(code: str, language: str, env: EnvType) -> str:
    lexer_name = language.strip("{}.")
    if not lexer_name or len(code) > MAX_HIGHLIGHTED_CHARACTERS:
        return f'<pre class="highlight"><code>{nh3.clean_text(code)}</code></pre>\n'
    env["highlighted"] += len(code)
    if env["highlighted"] > MAX_HIGHLIGHTED_TOTAL:
        return f'<pre class="highlight"><code>{nh3.clean_text(code)}</code></pre>\n'
    try:
        lexer = get_lexer_by_name(lexer_name, stripnl=False)
    except ClassNotFound:
        return f'<pre class="highlight"><code>{nh3.clean_text(code)}</code></pre>\n'
    marked = highlight(code, lexer, HtmlFormatter(nowrap=True))
    return f'<pre class="highlight"><code>{marked}</code></pre>\n'


@cache
def _parser(*, raw_html: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": raw_html}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    parser.use(footnote_plugin)
    parser.normalizeLink = _normalized_link  # type: ignore[method-assign]  # documented as replaceable
    parser.core.ruler.at("inline", _parse_inline)
    parser.core.ruler.push("heading_ids", _name_headings)
    return parser


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(ALLOWED_TAGS),
        attributes=ALLOWED_ATTRIBUTES,
        allowed_classes=ALLOWED_CLASSES,
        url_schemes=set(ALLOWED_SCHEMES),
        link_rel=LINK_REL,
        clean_content_tags={
            "script",
            "style",
            "svg",
            "math",
            "iframe",
            "object",
            "embed",
            "noscript",
            "template",
        },
        strip_comments=True,
    )


def _normalized_link(url: str) -> str:
    """Spell an address as HTML wants it; a plain one is that already, and telling so saves a tenth of all time."""
    return url if _PLAIN_URL.match(url) else normalize_url.normalizeLink(url)


def _parse_inline(state: StateCore) -> None:
    """Parse each paragraph's text, unless it is absurdly long: links and emphasis cost the square of its length."""
    for token in state.tokens:
        if token.type != "inline":
            continue
        token.children = []
        if len(token.content) > MAX_PARAGRAPH_CHARACTERS:
            token.children.append(Token("text", "", 0, content=token.content))
        else:
            state.md.inline.parse(token.content, state.md, state.env, token.children)


def _name_headings(state: StateCore) -> None:
    """Give every heading an id made from its text; a repeated text gets a number.

    Own code because mdit-py-plugins' anchors search for a free number from 1 each time: 20,000 equal headings took
    23 s with it.
    """
    seen: dict[str, int] = {}
    for opening, inline in pairwise(state.tokens):
        if opening.type != "heading_open":
            continue
        slug = _heading_slug(
            "".join(child.content for child in inline.children or () if child.type in _TEXT_TOKENS)
        )
        seen[slug] = seen.get(slug, 0) + 1
        opening.attrSet("id", slug if seen[slug] == 1 else f"{slug}-{seen[slug]}")


def _heading_slug(title: str) -> str:
    return "-".join(_SLUG_DROPPED.sub("", title.strip().lower()).split()) or "section"
