"""A tenant's kinds of content."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from core.models.ordered_json import OrderedJSONField
from core.tenancy.models import TenantOwned

COLLECTION_NAME_PATTERN = r"^[a-z][a-z0-9_-]{0,62}$"


class Collection(TenantOwned):
    """A kind of content, described by a draft-07 JSON Schema with a few `x-` keywords."""

    name = models.CharField(
        max_length=63,
        validators=[
            RegexValidator(
                COLLECTION_NAME_PATTERN, "Begin with a letter; then lower-case letters, digits, - and _."
            )
        ],
        help_text="As it stands in URLs: lower-case letters, digits, - and _.",
    )
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    schema = OrderedJSONField(default=dict)
    schema_version = models.PositiveIntegerField(default=1)
    is_public = models.BooleanField(default=True, help_text="Anybody may read what is published.")
    has_pages = models.BooleanField(default=True, help_text="Published records have pages on the site.")
    requires_if_match = models.BooleanField(
        default=False, help_text="Refuse API writes that do not say which version they change."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="core_collection_name_key"),
        ]

    def __str__(self) -> str:
        return self.title
