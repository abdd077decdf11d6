"""The database backend that puts each statement into the tenant's scope.

Django opens connections as the login role, which by itself may see nothing. Before a statement reaches the server the
cursor compares the scope in force with what the connection was told last, and where they differ sends role and
tenant in the same message. So nothing is paid while the tenant stays, and no way to the server (ORM, raw SQL, COPY,
server-side cursor, psycopg's own methods) goes around it.

OPTIONS["scope_mode"] is one of

- `session` (default): role and tenant last until they change.
- `transaction`: for a transaction-pooling proxy such as PgBouncer. Role and tenant are local to each
  transaction; a statement outside a transaction travels in one message with them, which the server runs as one.
- `owner`: migrations. No role is changed; the owner role has policies of its own.

Source: PostgreSQL manual, "Row Security Policies", "SET ROLE", "Simple Query" (multiple statements are one
implicit transaction).
"""

from __future__ import annotations

import re
import select
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from psycopg.pq import TransactionStatus

from core.errors import NoScope
from core.scope import Scope, current_scope

if TYPE_CHECKING:
    # The stubs cannot tell which driver Django found.
    _DjangoCursor = psycopg.ClientCursor[Any]
    _DjangoServerSideCursor = psycopg.ServerCursor[Any]
else:
    _DjangoCursor = base.Cursor
    _DjangoServerSideCursor = base.ServerSideCursor

ScopeMode = Literal["session", "transaction", "owner"]
Setting = tuple[str, str]  # (role, tenant id or "")

# Words after which the server may have forgotten role and tenant. One too many costs a round trip, no more.
_UNSETTLING = re.compile(
    r"rollback|abort|reset|discard|set_config|\bset\s+(?:session|local|role)", re.IGNORECASE
)


def _wanted_setting(scope: Scope | None) -> Setting:
    prefix = settings.DATABASE_ROLE_PREFIX
    if scope is not None and scope.kind == "platform":
        return (f"{prefix}_platform", "")
    tenant_id = "" if scope is None or scope.tenant_id is None else str(scope.tenant_id)
    return (f"{prefix}_tenant", tenant_id)


class ScopedConnection(psycopg.Connection[Any]):
    """A connection that remembers which role and tenant the server was told last."""

    scope_mode: ScopeMode = "session"
    sent_setting: Setting | None = None
    sent_scope: Scope | None = None

    def pending_setting(self) -> Setting | None:
        """Return the role and tenant to send before the next statement, or None where the server knows."""
        if self.scope_mode == "owner":
            return None
        scope = current_scope()
        if self.sent_setting is not None and scope is self.sent_scope:
            return None
        wanted = _wanted_setting(scope)
        if wanted == self.sent_setting:
            self.sent_scope = scope
            return None
        return wanted

    def remember(self, setting: Setting) -> None:
        """Note what the server was told; in transaction mode outside a transaction it has forgotten already."""
        if self.scope_mode == "transaction" and self.autocommit and not self.in_transaction:
            return
        self.sent_setting = setting
        self.sent_scope = current_scope()

    def forget(self) -> None:
        """Send role and tenant again before the next statement."""
        self.sent_setting = self.sent_scope = None

    @property
    def in_transaction(self) -> bool:
        return self.info.transaction_status != TransactionStatus.IDLE

    def setting_sql(self, setting: Setting) -> str:
        """Return the statement that tells the server role and tenant; both values are names or UUIDs."""
        role, tenant_id = setting
        local = "true" if self.scope_mode == "transaction" else "false"
        return (
            f"SELECT pg_catalog.set_config('role', '{role}', {local}), "
            f"pg_catalog.set_config('app.tenant_id', '{tenant_id}', {local})"
        )

    def rollback(self) -> None:
        # A rollback also takes back set_config.
        self.forget()
        super().rollback()

    def commit(self) -> None:
        super().commit()
        if self.scope_mode == "transaction":
            self.forget()

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        try:
            with super().transaction(savepoint_name, force_rollback) as transaction:
                yield transaction
        except BaseException:
            self.forget()
            raise
        finally:
            if force_rollback or self.scope_mode == "transaction":
                self.forget()


class _SyncedCursor:
    """Brings the connection in step with the scope on every way from a cursor to the server."""

    if TYPE_CHECKING:

        @property
        def connection(self) -> ScopedConnection: ...

    def _synchronise(self) -> None:
        connection = self.connection
        if (pending := connection.pending_setting()) is None:
            return
        if connection.scope_mode == "transaction" and connection.autocommit and not connection.in_transaction:
            raise NoScope(
                "Behind a transaction-pooling proxy COPY, executemany, streams and server-side cursors need "
                "a transaction: wrap them in django.db.transaction.atomic()."
            )
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute(connection.setting_sql(pending))
        connection.remember(pending)

    def executemany(self, query: Any, params_seq: Iterable[Any], *, returning: bool = False) -> None:
        self._synchronise()
        super().executemany(query, params_seq, returning=returning)  # type: ignore[misc]  # mixin over psycopg

    def stream(self, query: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        self._synchronise()
        yield from super().stream(query, params, **options)  # type: ignore[misc]  # mixin over psycopg

    def copy(self, statement: Any, params: Any = None, **options: Any) -> Any:
        self._synchronise()
        return super().copy(statement, params, **options)  # type: ignore[misc]  # mixin over psycopg


class Cursor(_SyncedCursor, _DjangoCursor):
    def execute(
        self, query: Any, params: Any = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> Self:
        connection = self.connection
        pending = connection.pending_setting()
        if pending is None:
            super().execute(query, params, prepare=prepare, binary=binary)
        else:
            self._execute_behind_setting(pending, query, params)
        if not isinstance(query, str) or _UNSETTLING.search(query):
            connection.forget()
        return self

    def _execute_behind_setting(self, pending: Setting, query: Any, params: Any) -> None:
        """Send role, tenant and statement as one message: one round trip, and one transaction at the server."""
        connection = self.connection
        connection.forget()
        statement = self.mogrify(query, params) if params is not None else _as_text(query, connection)
        super().execute(f"{connection.setting_sql(pending)}; {statement}".encode())
        self.nextset()
        connection.remember(pending)


def _as_text(query: Any, connection: ScopedConnection) -> str:
    if isinstance(query, bytes):
        return query.decode()
    if isinstance(query, str):
        return query
    return str(query.as_string(connection))


class ServerSideCursor(_SyncedCursor, _DjangoServerSideCursor):
    """A server-side cursor that only answers in the scope in which it was opened.

    The rows wait at the server under the tenant of the opening statement; fetching them in another tenant's
    scope would hand them over.
    """

    _opened_in: Setting | None = None

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        self._synchronise()
        self._opened_in = _wanted_setting(current_scope())
        super().execute(query, params, **options)
        return self

    def _refuse_other_scope(self) -> None:
        if self.connection.scope_mode == "owner":
            return
        if self._opened_in is not None and self._opened_in != _wanted_setting(current_scope()):
            raise NoScope(
                "This server-side cursor was opened for another tenant: read it to its end inside the scope "
                "that opened it."
            )
        # FETCH runs under the role in force, so that one has to be right as well.
        self._synchronise()

    def fetchone(self) -> Any:
        self._refuse_other_scope()
        return super().fetchone()

    def fetchmany(self, size: int = 0) -> list[Any]:
        self._refuse_other_scope()
        return super().fetchmany(size)

    def fetchall(self) -> list[Any]:
        self._refuse_other_scope()
        return super().fetchall()

    def __next__(self) -> Any:
        self._refuse_other_scope()
        return super().__next__()

    def scroll(self, value: int, mode: str = "relative") -> None:
        self._refuse_other_scope()
        super().scroll(value, mode)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper around a `ScopedConnection`."""

    scope_mode: ScopeMode

    _modes: ClassVar[tuple[str, ...]] = ("session", "transaction", "owner")

    def __init__(self, settings_dict: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(settings_dict, *args, **kwargs)
        options = self.settings_dict["OPTIONS"]
        self.scope_mode = options.get("scope_mode", "session")
        if self.scope_mode not in self._modes:
            raise ImproperlyConfigured(f"DATABASE_SCOPE_MODE must be one of {', '.join(self._modes)}.")
        if pool := options.get("pool"):
            given = {} if pool is True else dict(pool)
            options["pool"] = {**given, "connection_class": ScopedConnection}

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        params.pop("scope_mode", None)
        params["cursor_factory"] = Cursor
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> ScopedConnection:
        if self.pool:
            connection: ScopedConnection = super().get_new_connection(conn_params)
        else:
            self.isolation_level = IsolationLevel.READ_COMMITTED
            connection = ScopedConnection.connect(**conn_params)
        connection.scope_mode = self.scope_mode
        connection.server_cursor_factory = ServerSideCursor
        connection.forget()
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        if not name:
            return super().create_cursor()
        return ServerSideCursor(
            self.connection, name=name, scrollable=False, withhold=self.connection.autocommit
        )

    def is_usable(self) -> bool:
        """Say whether the server still holds the connection, without asking it.

        A server that has gone has closed its end, which makes the socket readable. Django sends a statement before
        each request instead, which costs as much as the request's own. A link that died without a word is not
        noticed here but by the next statement; TCP keep-alive bounds how long that takes.
        """
        connection = self.connection
        if connection is None or connection.closed:
            return False
        if connection.in_transaction:
            return True
        # A last message of the server comes first, then the end; notices alone leave nothing more to read.
        while select.select([connection.fileno()], [], [], 0)[0]:
            try:
                connection.pgconn.consume_input()
            except psycopg.Error:
                return False
        return not connection.closed

    def _close(self) -> Any:
        if self.pool and self.connection is not None and not self.connection.closed:
            self._reset_pooled(self.connection)
        return super()._close()  # type: ignore[misc]  # the stubs leave it out

    @staticmethod
    def _reset_pooled(connection: ScopedConnection) -> None:
        """Give a pooled connection back with neither role nor tenant."""
        if connection.in_transaction:
            connection.rollback()
        connection.forget()
        if connection.scope_mode == "session":
            with psycopg.ClientCursor(connection) as cursor:
                cursor.execute(
                    "SELECT pg_catalog.set_config('role', 'none', false), "
                    "pg_catalog.set_config('app.tenant_id', '', false)"
                )
            if not connection.autocommit:
                connection.commit()
