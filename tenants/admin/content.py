"""The content's pages on the tenants' site."""

from __future__ import annotations

from core.admin.collections import CollectionAdmin
from core.admin.records import RecordAdmin
from core.models import Collection, Record
from tenants.admin_site import tenant_site

tenant_site.register(Collection, CollectionAdmin)
tenant_site.register(Record, RecordAdmin)
