"""Charts for plugins' pages."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.template.loader import render_to_string

from plugin_host.charts import line_chart

FIRST = date(2026, 1, 5)


def test_places_are_those_of_the_days_and_the_scale_begins_at_zero() -> None:
    values = [(FIRST, 0), (FIRST + timedelta(days=1), 50), (FIRST + timedelta(days=4), 25)]

    chart = line_chart("Clicks", values, words="Some clicks.")

    assert (chart.highest, chart.first, chart.last) == (50, FIRST, FIRST + timedelta(days=4))
    assert chart.points == "0.0,160.0 250.0,0.0 1000.0,80.0"


def test_a_single_day_is_a_level_line() -> None:
    assert line_chart("Clicks", [(FIRST, 1)], words="").points == "0.0,0.0 1000.0,0.0"


@pytest.mark.parametrize(("most", "highest"), [(0, 1), (1, 1), (3, 5), (6, 10), (11, 20), (999, 1000)])
def test_the_scale_ends_at_a_round_number(most: int, highest: int) -> None:
    assert line_chart("Clicks", [(FIRST, most)], words="").highest == highest


def test_a_page_shows_charts_with_words_for_those_who_do_not_see_them() -> None:
    chart = line_chart("Clicks", [(FIRST, 1)], words="One <click>.")

    page = render_to_string("plugins/charts.html", {"charts": [chart]})

    assert '<desc id="chart-1-desc">One &lt;click&gt;.</desc>' in page
    assert page.count("2026-01-05") == 2
