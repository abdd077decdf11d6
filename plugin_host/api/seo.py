"""`seo/…`: search metrics that plugins fed in, patterns in them, and what was learnt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.actors import authorize
from core.api.documents import page_schema
from core.api.pagination import PARAMETERS, page_of
from core.api.views import ApiView
from core.errors import NotFound
from core.scope import current_actor
from plugin_host.api.seo_documents import (
    LEARNING,
    METRICS,
    METRICS_DETAILS,
    PATTERN,
    learning_document,
    metrics_details,
    metrics_document,
    pattern_document,
)
from plugin_host.models.seo import SEOLearning, SEOMetrics, SEOPattern

_TAGS: Final = ["search metrics"]


class _ListView(ApiView):
    """A list that is narrowed by columns."""

    filters: ClassVar[Sequence[str]]
    sorts: ClassVar[Sequence[str]]

    def page(
        self, request: Request, rows: QuerySet[Any], present: Callable[[Any], dict[str, Any]]
    ) -> Response:
        """Return the page that the query parameters ask for."""
        authorize(current_actor(), "metrics.read")
        parameters = request.query_params.dict()
        wanted = {name: parameters[name] for name in self.filters if name in parameters}
        found = page_of(rows.filter(**wanted), parameters, sorts=self.sorts, default=f"-{self.sorts[0]}")
        return Response(found.document(present))


class MetricsListView(_ListView):
    """Stored metrics."""

    filters = ("source", "domain", "plugin")
    sorts = ("received_at",)
    query_parameters = {"GET": (*PARAMETERS, *filters)}

    @extend_schema(
        tags=_TAGS, summary="List stored search metrics, newest first", responses={200: page_schema(METRICS)}
    )
    def get(self, request: Request) -> Response:
        return self.page(request, SEOMetrics.objects.defer("data", "metadata"), metrics_document)


class MetricsView(ApiView):
    """One payload."""

    @extend_schema(tags=_TAGS, summary="Show stored search metrics", responses={200: METRICS_DETAILS})
    def get(self, request: Request, metrics_id: UUID) -> Response:
        authorize(current_actor(), "metrics.read")
        found = SEOMetrics.objects.filter(pk=metrics_id).first()
        if found is None:
            raise NotFound(f"There are no search metrics {metrics_id}.", code="metrics_not_found")
        return Response(metrics_details(found))


class PatternListView(_ListView):
    """Patterns that were found."""

    filters = ("source", "domain", "name")
    sorts = ("seen_at", "found_at", "confidence")
    query_parameters = {"GET": (*PARAMETERS, *filters)}

    @extend_schema(
        tags=_TAGS, summary="List the patterns found in search metrics", responses={200: page_schema(PATTERN)}
    )
    def get(self, request: Request) -> Response:
        return self.page(request, SEOPattern.objects.all(), pattern_document)


class LearningListView(_ListView):
    """What was learnt."""

    filters = ("plugin",)
    sorts = ("applied_at",)
    query_parameters = {"GET": (*PARAMETERS, *filters)}

    @extend_schema(
        tags=_TAGS,
        summary="List what plugins have learnt from patterns",
        responses={200: page_schema(LEARNING)},
    )
    def get(self, request: Request) -> Response:
        return self.page(request, SEOLearning.objects.all(), learning_document)
