from __future__ import annotations

import pytest

from plugin_host import http


def test_a_service_is_where_the_plugin_says_unless_the_operator_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SERVICE_URLS", raising=False)
    assert http.service_url("vercel", "https://api.vercel.com/") == "https://api.vercel.com"

    monkeypatch.setenv("SERVICE_URLS", " vercel = https://gateway.example.org/vercel/ ,netlify=http://n.test")
    assert http.service_url("vercel", "https://api.vercel.com") == "https://gateway.example.org/vercel"

    with http.use_services(vercel="http://127.0.0.1:1"):
        assert http.service_url("vercel", "https://api.vercel.com") == "http://127.0.0.1:1"


@pytest.mark.parametrize("text", ["vercel", "=https://x.test", "vercel=ftp://x.test"])
def test_an_entry_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SERVICE_URLS", text)

    with pytest.raises(ValueError, match="SERVICE_URLS has"):
        http.service_url("vercel", "https://api.vercel.com")
