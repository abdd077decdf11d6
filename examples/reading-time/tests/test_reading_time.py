"""Tests of the plugin alone: no database, no server, no settings."""

from __future__ import annotations

from typing import Any

import pytest

from plugin_host.context import HookContext
from reading_time import ReadingTime, ReadingTimeConfig


@pytest.fixture
def ctx() -> HookContext:
    return HookContext(
        tenant_id="11111111-1111-1111-1111-111111111111", tenant_slug="acme", tenant_plan="pro"
    )


def article(words: int, **data: Any) -> dict[str, Any]:
    return {"collection": "articles", "word_count": words, "data": {"title": "Slow food", **data}}


def test_config_has_defaults() -> None:
    config = ReadingTimeConfig.from_dict(ReadingTime().get_config("11111111-1111-1111-1111-111111111111"))

    assert config == ReadingTimeConfig(words_per_minute=200, collections=frozenset({"articles"}))


@pytest.mark.parametrize(("words", "minutes"), [(0, 1), (1, 1), (200, 1), (201, 2), (1000, 5)])
def test_minutes_are_rounded_up(ctx: HookContext, words: int, minutes: int) -> None:
    content = ReadingTime().dvp_before_content_create(ctx, article(words))

    assert content["data"] == {"title": "Slow food", "reading_minutes": minutes}


def test_a_change_of_the_text_changes_the_minutes(ctx: HookContext) -> None:
    content = ReadingTime().dvp_before_content_update(ctx, "id", article(450, reading_minutes=1))

    assert content["data"]["reading_minutes"] == 3


def test_other_collections_are_left_alone(ctx: HookContext) -> None:
    page = {"collection": "pages", "word_count": 500, "data": {"title": "Imprint"}}

    assert ReadingTime().dvp_before_content_create(ctx, page) == {
        "collection": "pages",
        "word_count": 500,
        "data": {"title": "Imprint"},
    }
