from __future__ import annotations

from html.parser import HTMLParser

import pytest

from core.errors import Invalid
from core.rendering.markdown import MAX_SOURCE_CHARACTERS, clean_html, render_markdown


def test_markdown_headings_get_distinct_ids() -> None:
    html = render_markdown("# A `b` c!\n\n# A b c\n\n# ???\n")

    assert html == (
        '<h1 id="a-b-c">A <code>b</code> c!</h1>\n<h1 id="a-b-c-2">A b c</h1>\n<h1 id="section">???</h1>\n'
    )


def test_markdown_table_keeps_alignment_without_style() -> None:
    html = render_markdown("| a | b |\n|:--|--:|\n| 1 | ~~2~~ |\n")

    assert 'class="left">a' in html
    assert '<td class="right"><s>2</s></td>' in html
    assert "style" not in html
    assert html.startswith('<div class="table-scroll"><table>')


def test_markdown_footnote_links_both_ways() -> None:
    html = render_markdown("note[^1]\n\n[^1]: Foot\n")

    assert 'href="#fn1" id="fnref1"' in html
    assert 'href="#fnref1"' in html


def test_markdown_code_is_highlighted_and_escaped() -> None:
    html = render_markdown("```js\nconst a = '<b>';\n```\n")

    assert '<span class="kd">const</span>' in html
    assert "&lt;b&gt;" in html


class Elements(HTMLParser):
    """Collects what a browser would make of the tags; text is ignored."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(attrs)


@pytest.mark.parametrize("info", ["", "no-such-language", "{}"])
def test_markdown_code_of_unknown_language_is_plain(info: str) -> None:
    assert render_markdown(f"```{info}\n<x>\n```\n") == (
        '<pre class="highlight"><code>&lt;x&gt;\n</code></pre>\n'
    )


def test_markdown_external_links_say_so_and_internal_do_not() -> None:
    source = "[a](/x) [b](#y) [c](z.html) [d](?q=1) [e](https://x.org) [f](//x.org) [g](mailto:a@b.org)"

    html = render_markdown(source)

    assert '<a href="/x">a</a> <a href="#y">b</a> <a href="z.html">c</a> <a href="?q=1">d</a>' in html
    assert html.count('rel="nofollow noopener"') == 3


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg><a xlink:href='javascript:alert(1)'></svg>",
        "<math><mtext><style><img src=x onerror=alert(1)></style>",
        "<style>body{background:url(javascript:alert(1))}</style>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "[x](javascript:alert(1))",
        "<a href='jav&#x09;ascript:alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "![x](javascript:alert(1))",
        "<form action=javascript:alert(1)><button>go</button></form>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<p style='background:url(javascript:alert(1))'>",
        "```<img src=x onerror=alert(1)>\nx\n```",
        "<details ontoggle=alert(1) open>",
    ],
)
def test_markdown_drops_what_could_run(source: str) -> None:
    parsed = Elements()
    parsed.feed(render_markdown(source))

    assert not parsed.names & {"script", "svg", "math", "style", "iframe", "form", "button", "noscript"}
    assert not {name for name, _ in parsed.attributes if name.startswith("on") or name in {"style", "srcdoc"}}
    assert not {value for _, value in parsed.attributes if value and ":" in value}


def test_clean_html_keeps_rel_out_of_the_authors_hands() -> None:
    assert clean_html('<a rel="opener" target="_top" href="https://x.org">x</a>') == (
        '<a href="https://x.org" rel="nofollow noopener">x</a>'
    )


def test_markdown_component_tags_of_mdx_leave_their_text() -> None:
    assert render_markdown('<AlertBox level="info">\n  Careful.\n</AlertBox>\n').strip() == "Careful."


def test_markdown_refuses_more_than_it_can_render() -> None:
    with pytest.raises(Invalid) as caught:
        render_markdown("a" * (MAX_SOURCE_CHARACTERS + 1))

    assert caught.value.code == "too_long"


@pytest.mark.parametrize(
    "source",
    [
        "[" * 900_000,
        "<div>" * 180_000,
        "".join(f"<b id=x{i}>" for i in range(300)) + "\n\n" + "a\n\n" * 30_000,
        "# a\n" * 20_000,
        "> " * 100_000,
    ],
    ids=["brackets", "open elements", "reopened formatting", "equal headings", "nested quotes"],
)
def test_markdown_survives_hostile_input(source: str) -> None:
    assert len(render_markdown(source)) < 3_000_000
