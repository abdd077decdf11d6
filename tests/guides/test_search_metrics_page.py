"""The page about search metrics (docs/plugins/search-metrics.md): its plugin runs, and its numbers are the code's."""

from __future__ import annotations

from pathlib import Path

from plugin_host.hooks.seo_metrics import HIGH_CONFIDENCE
from plugin_host.seo import discovering, extraction, filtering, tending
from tests.guides.workplace import listings, workplace
from tests.servers import PROJECT

PAGE = PROJECT / "docs/plugins/search-metrics.md"
TESTS = Path(__file__).parent / "search_metrics"


def test_the_plugin_of_the_page_works(tmp_path: Path) -> None:
    tests = {f"{path.stem}/tests/test_it.py": path.read_text() for path in TESTS.glob("*.py")}
    with workplace(tmp_path, "tenantry_search_page", is_migrated=True) as author:
        author.write({**listings(PAGE), **tests})

        results = author.test_results()

    assert results == {"search_titles::test_a_poor_title_is_marked": ""}


def test_numbers_of_the_page_are_the_codes() -> None:
    page = " ".join(PAGE.read_text().split())

    for said in (
        f"up to {filtering.MAX_PAYLOAD_BYTES // 1024**2} MiB",
        f"up to {filtering.MAX_ROWS:,}",
        f"has {extraction.MIN_IMPRESSIONS} impressions or more",
        f"at least {extraction.MIN_PAGES_COMPARED}:",
        f"at least {extraction.MIN_EARLIER_CLICKS} clicks",
        f"lost {1 - extraction.FALLEN_TO:.0%}".replace("%", " %"),
        f"confidence of {extraction.MIN_CONFIDENCE}",
        f"from {HIGH_CONFIDENCE} on",
        f"At most {discovering.MAX_PATTERNS} patterns",
    ):
        assert said in page
    assert (extraction.LOW_SHARE, tending.MAX_PAYLOADS) == (0.5, 1000)
