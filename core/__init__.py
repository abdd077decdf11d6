"""The content kernel: scope, collections, records, revisions, publishing, events, content API."""

from __future__ import annotations

from core import lazy_iri

lazy_iri.install()
