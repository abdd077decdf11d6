"""Sessions that belong to a host: `settings.SESSION_ENGINE`.

A session made at one tenant's host is none at another's, nor at the platform's, whatever the cookie says. It ends
with the membership and with the password under which it began.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import connection

from core.platform_work import PlatformWork
from core.schema_keywords import as_uuid
from core.scope import current_tenant_id, platform_scope, tenant_scope
from tenants.models import Session


class SessionStore(DatabaseStore):
    """Keeps sessions in `tenants.Session`, for the host that was in scope when the store was made."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._tenant_id = current_tenant_id()

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _validate_session_key(self, key: str | None) -> bool:
        # What a cookie says may be anything; keys are letters and digits.
        return key is not None and len(key) >= 8 and key.isascii() and key.isalnum()

    def load(self) -> dict[str, Any]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT session_data FROM resolve_session(%s, %s)", [self.session_key, self._tenant_id]
            )
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return {}
        return self.decode(row[0])

    def exists(self, session_key: str | None) -> bool:
        with self._at_own_host():
            return session_key is not None and bool(super().exists(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        session = super().create_model_instance(data)
        assert isinstance(session, Session)  # see get_model_class
        session.tenant_id = self._tenant_id
        session.user_id = as_uuid(data[SESSION_KEY]) if SESSION_KEY in data else None
        return session

    def save(self, must_create: bool = False) -> None:
        with self._at_own_host():
            super().save(must_create)

    def delete(self, session_key: str | None = None) -> None:
        with self._at_own_host():
            super().delete(session_key)

    # The scope has to hold around whole operations, so the asynchronous ones are the synchronous ones in a thread.

    async def aload(self) -> dict[str, Any]:
        return await sync_to_async(self.load)()

    async def aexists(self, session_key: str | None) -> bool:
        return await sync_to_async(self.exists)(session_key)

    async def acreate(self) -> None:
        await sync_to_async(self.create)()

    async def asave(self, must_create: bool = False) -> None:
        await sync_to_async(self.save)(must_create)

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)

    @classmethod
    def clear_expired(cls) -> None:
        with platform_scope(PlatformWork.SIGN_IN):
            super().clear_expired()

    @classmethod
    async def aclear_expired(cls) -> None:
        await sync_to_async(cls.clear_expired)()

    @contextmanager
    def _at_own_host(self) -> Iterator[None]:
        """Work for the store's tenant; on the platform's host, where there is none, with the platform's rights."""
        if self._tenant_id is None:
            with platform_scope(PlatformWork.SIGN_IN):
                yield
        elif current_tenant_id() == self._tenant_id:
            yield
        else:
            with tenant_scope(self._tenant_id):
                yield


def end_sessions(user_id: UUID, *, tenant_id: UUID | None = None) -> None:
    """Sign a person out: at one tenant's hosts, or everywhere."""
    with platform_scope(PlatformWork.SIGN_IN):
        sessions = Session.objects.filter(user_id=user_id)
        (sessions if tenant_id is None else sessions.filter(tenant_id=tenant_id)).delete()
