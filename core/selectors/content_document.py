"""The content dictionary that plugins get."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from core.rendering.body import Body, render_body
from core.rendering.pages import render_record_page
from core.scope import require_tenant
from core.selectors.content_state import ContentState, timestamp
from core.selectors.site_pages import navigation_of, page_of_state, site_collections
from core.site import Site, current_site


def content_document(state: ContentState, *, with_page: bool = True) -> dict[str, Any]:
    """Return a record's state as the content dictionary of the plugin SDK; a fresh copy.

    Args:
        with_page: Render the whole page too; without it `rendered_html` is "".

    Raises:
        Invalid: A text is too long to be rendered.
        NoScope: There is no tenant in scope.
    """
    site = current_site()
    body = render_body(schema=state.schema, data=state.data, title=state.title)
    page = _page(state, body, site) if with_page and state.has_pages else ""
    return {
        "content_id": str(state.record_id) if state.record_id else None,
        "tenant_id": str(require_tenant().tenant_id),
        "collection": state.collection,
        "page_type": state.collection,
        "domain": site.domain,
        "locale": state.locale,
        "slug": state.slug,
        "path": state.path,
        "url": f"{site.origin}{state.path}" if state.path else "",
        "title": state.title,
        "status": state.status,
        "version": state.version,
        "data": deepcopy(dict(state.data)),
        "rendered_html": page,
        "text": body.text,
        "word_count": body.word_count,
        "author": state.author,
        "published_at": timestamp(state.published_at),
        "created_at": timestamp(state.created_at),
        "updated_at": timestamp(state.updated_at),
    }


def _page(state: ContentState, body: Body, site: Site) -> str:
    collections = site_collections()
    page = page_of_state(state, body, collections)
    return render_record_page(site=site, navigation=navigation_of(collections), page=page)
