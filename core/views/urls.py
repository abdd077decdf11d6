"""Addresses of a tenant's site; included last on a tenant's host, since they take every short path."""

from __future__ import annotations

from django.urls import path, re_path, register_converter
from django.urls.converters import IntConverter

from core.views import site

app_name = "site"


class SitemapNumber(IntConverter):
    """The number of a site map, from 1."""

    regex = "[1-9][0-9]{0,3}"


register_converter(SitemapNumber, "sitemap_number")

_COLLECTION = r"(?P<collection>[a-z][a-z0-9_-]{0,62})"
_SLUG = r"(?P<slug>[a-z0-9_-]{1,200})"
_LOCALE = r"(?P<locale>[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)"

urlpatterns = [
    path("", site.home, name="home"),
    path("feed.xml", site.feed, name="feed"),
    path("sitemap.xml", site.sitemap, name="sitemap"),
    path("sitemap-<sitemap_number:number>.xml", site.sitemap_part, name="sitemap-part"),
    path("robots.txt", site.robots, name="robots"),
    path("theme.css", site.theme, name="theme"),
    re_path(rf"^{_COLLECTION}$", site.collection_index, name="collection"),
    re_path(rf"^{_COLLECTION}/{_SLUG}$", site.record_page, name="record"),
    re_path(rf"^{_LOCALE}/{_COLLECTION}/{_SLUG}$", site.record_page, name="localized-record"),
    re_path(r"^(?P<path>(?:[A-Za-z0-9_-]+/){1,3})$", site.without_slash),
]
