"""The four database roles of an installation.

    owner      owns the schema and runs migrations; only `manage.py migrate` and its kind sign in as it
    login      what web server and workers sign in as; owns nothing, inherits nothing, sees nothing by itself
    tenant     entered for a tenant (and without any scope): policies narrow it to `app.tenant_id`
    platform   entered for cross-tenant work that `core.platform_work` lists

Names begin with `DATABASE_ROLE_PREFIX`, because roles are shared by all databases of a server.
Source: PostgreSQL manual, "Database Roles", "Row Security Policies".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from django.conf import settings
from django.db.backends.utils import CursorWrapper
from psycopg import sql

RoleKind = Literal["owner", "login", "tenant", "platform"]

# Any number will do as long as nothing else on the server locks the same.
_ADVISORY_LOCK = 7_263_104


def role_name(kind: RoleKind) -> str:
    """Return the name of a role in this installation."""
    return f"{settings.DATABASE_ROLE_PREFIX}_{kind}"


def ensure_roles(cursor: CursorWrapper, *, login: str, password: str | None = None) -> list[str]:
    """Make the roles that are missing and put their memberships right; safe to repeat and to run twice at once.

    Args:
        cursor: Of a connection that may create roles, inside a transaction.
        login: Name of the role in DATABASE_URL.
        password: Its password, set when the role is made; None where the server trusts its socket.

    Returns:
        What was changed, one sentence each.
    """
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
    cursor.execute("SELECT rolname FROM pg_roles")
    existing = {row[0] for row in cursor.fetchall()}
    done: list[str] = []
    for kind in ("tenant", "platform"):
        if (name := role_name(kind)) not in existing:
            cursor.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
            done.append(f"made role {name}")
    if login not in existing:
        cursor.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOINHERIT PASSWORD {}").format(
                sql.Identifier(login), sql.Literal(password)
            )
        )
        done.append(f"made role {login}")
    _grant_memberships(cursor, login=login)
    return done


def _grant_memberships(cursor: CursorWrapper, *, login: str) -> None:
    names = [sql.Identifier(role_name("tenant")), sql.Identifier(role_name("platform"))]
    cursor.execute(
        "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid "
        "JOIN pg_roles l ON l.oid = m.member WHERE l.rolname = %s AND r.rolname = ANY(%s)",
        [login, [role_name("tenant"), role_name("platform")]],
    )
    if cursor.fetchone()[0] < len(names):
        cursor.execute(sql.SQL("GRANT {} TO {}").format(sql.SQL(", ").join(names), sql.Identifier(login)))
    members = sql.SQL(", ").join([*names, sql.Identifier(login)])
    cursor.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(members))
    cursor.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")


def grant_tables(cursor: CursorWrapper, tables: Mapping[str, Mapping[str, str] | None]) -> None:
    """Grant what `settings.TABLES_WITHOUT_TENANT` says about tables that carry no policy.

    Args:
        tables: table name -> {"tenant": privileges, "platform": privileges}; a role left out gets
            nothing. None leaves the grants to the table's own policy. Sequences follow their table.
    """
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    present = {row[0] for row in cursor.fetchall()}
    for table, privileges in tables.items():
        if table not in present or privileges is None:
            continue
        for kind in ("tenant", "platform"):
            _grant_table(cursor, table, role_name(kind), privileges.get(kind, ""))


def _grant_table(cursor: CursorWrapper, table: str, role: str, privileges: str) -> None:
    names = {"table": sql.Identifier(table), "role": sql.Identifier(role)}
    cursor.execute(sql.SQL("REVOKE ALL ON {table} FROM {role}").format(**names))
    if not privileges:
        return
    cursor.execute(
        sql.SQL("GRANT {privileges} ON {table} TO {role}").format(privileges=sql.SQL(privileges), **names)
    )
    if "INSERT" in privileges:
        cursor.execute(
            "SELECT pg_get_serial_sequence(%s, 'id') FROM information_schema.columns "
            "WHERE table_name = %s AND column_name = 'id'",
            [table, table],
        )
        row = cursor.fetchone()
        if row and row[0]:
            # pg_get_serial_sequence answers a quoted, qualified name.
            cursor.execute(
                sql.SQL("GRANT USAGE, SELECT ON SEQUENCE {} TO {}").format(
                    sql.SQL(row[0]), sql.Identifier(role)
                )
            )
