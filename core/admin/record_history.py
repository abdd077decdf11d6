"""A record's past in the admin: listed, compared, restored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse

from core.actors import is_allowed
from core.admin.comparison import compare_revisions
from core.admin.model_admin import change_url, show_refusal
from core.errors import TenantryError
from core.models import Record, Revision
from core.schema_keywords import as_uuid
from core.scope import current_actor
from core.services.records import update_record

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[Record]
else:
    Base = object

SHOWN_REVISIONS = 200


class RecordHistoryPages(Base):
    """The views of a record's history; the page of records mixes them in."""

    def record_or_404(self, request: HttpRequest, record_id: UUID) -> Record:
        """Return a record that the person may see."""
        record = self.get_object(request, str(record_id))
        if record is None or not self.has_view_permission(request, record):
            raise Http404("There is no such record.")
        return record

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """All revisions, the newest first; two can be compared, any can be restored."""
        identity = as_uuid(object_id)
        if identity is None:
            raise Http404("There is no such record.")
        record = self.record_or_404(request, identity)
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {record}",
            "record": record,
            "revisions": record.revisions.order_by("-version")[:SHOWN_REVISIONS],
            "may_restore": self.has_change_permission(request, record),
            "may_see_plugins": is_allowed(current_actor(), "plugin.read"),
            "opts": self.opts,
            "original": record,
        }
        return TemplateResponse(request, "admin/core/record/history.html", context)

    def compare_view(self, request: HttpRequest, record_id: UUID) -> HttpResponse:
        """Two revisions side by side, field by field."""
        record = self.record_or_404(request, record_id)
        old, new = (self._revision(record, request.GET.get(name, "")) for name in ("from", "to"))
        if old.version > new.version:
            old, new = new, old
        context = {
            **self.admin_site.each_context(request),
            "title": f"{record}: version {old.version} and {new.version}",
            "record": record,
            "old": old,
            "new": new,
            "rows": compare_revisions(old, new, schema=record.collection.schema),
            "may_restore": self.has_change_permission(request, record),
            "opts": self.opts,
            "original": record,
        }
        return TemplateResponse(request, "admin/core/record/compare.html", context)

    def restore_view(self, request: HttpRequest, record_id: UUID) -> HttpResponse:
        """Make an old revision the working copy again; what is live stays live."""
        record = self.record_or_404(request, record_id)
        if request.method != "POST":
            return HttpResponseRedirect(change_url(self, record.pk))
        if not self.has_change_permission(request, record):
            raise PermissionDenied
        revision = self._revision(record, request.POST.get("version", ""))
        try:
            update_record(
                record_id=record.pk,
                data=revision.data,
                title=revision.title,
                slug=revision.slug,
                locale=revision.locale,
                comment=f"Restored from version {revision.version}",
            )
        except TenantryError as refusal:
            show_refusal(request, refusal, before="Not restored.")
            return HttpResponseRedirect(reverse("admin:core_record_history", args=[record.pk]))
        messages.success(request, f"Version {revision.version} is the working copy again.")
        return HttpResponseRedirect(change_url(self, record.pk))

    @staticmethod
    def _revision(record: Record, version: str) -> Revision:
        if not (version.isascii() and version.isdigit()) or len(version) > 9:
            raise Http404("There is no such version.")
        return get_object_or_404(record.revisions, version=int(version))
