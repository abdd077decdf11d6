from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cms_project.task_scope import HEADER, _enter, _leave, _send, scope_header, scope_of_header
from core.actors import Actor
from core.errors import NoScope
from core.ids import uuid7
from core.platform_work import PlatformWork
from core.scope import current_scope, platform_scope, tenant_scope

KEY = Actor(kind="key", id="k1", label="live_abc", role="editor", scopes=frozenset({"read:posts"}))


class Request(SimpleNamespace):
    def get(self, name: str) -> Any:
        return getattr(self, name, None)


def task(**headers: Any) -> Any:
    return SimpleNamespace(name="t", request=Request(id="1", is_eager=False, **headers))


def test_a_tenants_scope_survives_the_journey() -> None:
    with tenant_scope(uuid7(), slug="acme", actor=KEY, causation_id=uuid7(), depth=3) as scope:
        headers: dict[str, Any] = {}
        _send(headers=headers)

    sent = task(**headers)
    _enter(task=sent)
    assert current_scope() == scope
    _leave(task=sent)
    assert current_scope() is None


def test_platform_scope_stays_at_home() -> None:
    headers: dict[str, Any] = {}
    with platform_scope(PlatformWork.SCHEDULES):
        _send(headers=headers)
    _send(headers=headers)

    assert headers == {}
    assert scope_header(None) is None


def test_a_task_without_a_header_has_no_scope() -> None:
    with tenant_scope(uuid7()) as outer:
        sent = task()
        _enter(task=sent)
        assert current_scope() is None
        _leave(task=sent)
        assert current_scope() is outer


@pytest.mark.parametrize("header", [{}, {"tenant_id": "x"}, {"tenant_id": ""}, {"tenant_id": None}, [], "x"])
def test_a_header_that_cannot_be_read_means_no_scope(header: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(NoScope):
        scope_of_header(header)

    with tenant_scope(uuid7()):
        sent = task(**{HEADER: header or {"actor": 1}})
        _enter(task=sent)
        assert current_scope() is None
        _leave(task=sent)
    assert "scope header" in caplog.text
