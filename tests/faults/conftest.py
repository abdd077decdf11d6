from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cms_project.embedded.valkey import EmbeddedValkey
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.models.delivery import Delivery
from plugin_host.models.schedule import ScheduledItem
from tenants.models import Tenant
from tests.faults.installation import Installation


@pytest.fixture
def installation(tmp_path: Path, tenant: Tenant) -> Iterator[Installation]:
    """A broker of the test's own, and nothing running yet; what other tests left open is gone."""
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        Delivery.objects.all().delete()
        ScheduledItem.objects.all().delete()
    with EmbeddedValkey(tmp_path / "valkey", persistent=False) as valkey:
        installation = Installation(tmp_path, valkey)
        try:
            yield installation
        finally:
            installation.stop_all()
