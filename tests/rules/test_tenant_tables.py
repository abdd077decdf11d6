"""What the database's catalogue must say about every table, read from the catalogue itself."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from core.errors import NoScope
from core.platform_work import PlatformWork
from core.scope import platform_scope
from core.tenancy.models import TenantOwned

TENANT_MODELS = [model for model in apps.get_models() if issubclass(model, TenantOwned)]
ROLES = ("tenantry_tenant", "tenantry_platform")


def rows(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with platform_scope(PlatformWork.TENANT_DIRECTORY), connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def tables_with_tenant() -> set[str]:
    """Tables with a tenant column, partitions left out: they are reached through their parent alone."""
    return {
        row[0]
        for row in rows(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
            "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
        )
    }


def all_tables() -> set[str]:
    return {
        row[0]
        for row in rows(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
            "AND relnamespace = 'public'::regnamespace"
        )
    }


def grants(*roles: str) -> set[tuple[str, str, str]]:
    """(table, role, privilege), partitions included. The information schema shows one's own grants alone."""
    return {
        (table, role, privilege)
        for table, role, privilege in rows(
            "SELECT c.relname, coalesce(r.rolname, 'PUBLIC'), acl.privilege_type FROM pg_class c "
            "CROSS JOIN LATERAL aclexplode(c.relacl) acl LEFT JOIN pg_roles r ON r.oid = acl.grantee "
            "WHERE c.relkind IN ('r', 'p', 'v') AND c.relnamespace = 'public'::regnamespace"
        )
        if role in roles
    }


def test_there_are_tenant_models() -> None:
    assert {"core_record", "core_event", "tenants_membership"} <= {
        model._meta.db_table for model in TENANT_MODELS
    }


def test_every_table_has_a_tenant_or_is_listed() -> None:
    assert all_tables() - tables_with_tenant() - set(settings.TABLES_WITHOUT_TENANT) == set()


def test_every_listed_table_exists() -> None:
    assert set(settings.TABLES_WITHOUT_TENANT) - all_tables() == set()


def test_row_level_security_is_enabled_and_forced() -> None:
    open_tables = rows(
        "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND NOT (relrowsecurity AND relforcerowsecurity)",
        sorted(tables_with_tenant()),
    )
    assert open_tables == []


def test_each_tenant_table_has_its_three_policies() -> None:
    found: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for table, policy, using, check in rows(
        "SELECT tablename, policyname, qual, with_check FROM pg_policies"
    ):
        found[table][policy] = (using, check)
    for table in tables_with_tenant():
        assert set(found[table]) == {"tenant_rows", "platform_rows", "owner_rows"}, table
        using, check = found[table]["tenant_rows"]
        assert using == check, table
        assert "tenant_id = " in using, table
        assert "app.tenant_id" in using, table
        assert found[table]["platform_rows"] == found[table]["owner_rows"] == ("true", "true"), table


def test_partitions_are_reached_through_their_parent_alone() -> None:
    partitions = {
        row[0] for row in rows("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
    }
    assert {table for table, _, _ in grants(*ROLES)} & partitions == set()


def test_each_tenant_table_has_an_index_led_by_the_tenant() -> None:
    led = {
        row[0]
        for row in rows(
            "SELECT DISTINCT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] WHERE a.attname = 'tenant_id'"
        )
    }
    assert tables_with_tenant() - led - {"tenants_session"} == set()


def test_each_tenant_model_is_unique_by_tenant_and_id() -> None:
    for model in TENANT_MODELS:
        if not model._meta.managed:
            continue
        uniques = [
            columns
            for (columns,) in rows(
                "SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_constraint c "
                "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey) "
                "WHERE c.contype = 'u' AND c.conrelid = %s::regclass GROUP BY c.oid",
                model._meta.db_table,
            )
        ]
        assert ["id", "tenant_id"] in uniques, model


def test_foreign_keys_between_tenant_tables_name_the_tenant() -> None:
    tenant_tables = tables_with_tenant()
    foreign_keys = rows(
        "SELECT c.conname, c.conrelid::regclass::text, c.confrelid::regclass::text, "
        "(SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = c.conrelid AND attnum = ANY(c.conkey)) "
        "FROM pg_constraint c WHERE c.contype = 'f'"
    )
    crossing = [
        name
        for name, source, target, columns in foreign_keys
        if source in tenant_tables and target in tenant_tables and "tenant_id" not in columns
    ]
    assert len(foreign_keys) > 10
    assert crossing == []


def test_nobody_may_truncate_or_reference() -> None:
    granted = grants(*ROLES, "tenantry_login", "PUBLIC")
    assert len(granted) > 50
    assert {privilege for _, _, privilege in granted} == {"SELECT", "INSERT", "UPDATE", "DELETE"}


def test_the_login_role_and_the_public_have_no_privileges() -> None:
    assert grants("tenantry_login", "PUBLIC") == set()


def test_the_application_roles_cannot_go_around_policies() -> None:
    powers = rows(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolinherit FROM pg_roles "
        "WHERE starts_with(rolname, 'tenantry') ORDER BY rolname"
    )
    assert {name: (superuser, bypass) for name, superuser, bypass, *_ in powers} == {
        "tenantry_login": (False, False),
        "tenantry_owner": (False, False),
        "tenantry_platform": (False, False),
        "tenantry_tenant": (False, False),
    }
    assert {name: inherits for name, *_, inherits in powers}["tenantry_login"] is False


def test_tables_without_tenant_have_the_grants_of_the_list() -> None:
    granted: dict[tuple[str, str], set[str]] = defaultdict(set)
    for table, role, privilege in grants(*ROLES):
        granted[table, role.removeprefix("tenantry_")].add(privilege)
    for table, wanted in settings.TABLES_WITHOUT_TENANT.items():
        if wanted is None:
            continue
        for role in ("tenant", "platform"):
            assert granted[table, role] == set(filter(None, wanted.get(role, "").split(", "))), (table, role)


def test_functions_before_scope_are_the_listed_three() -> None:
    definers = rows(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY proname"
    )
    assert definers == [("resolve_host",), ("resolve_key",), ("resolve_session",)]


def test_views_are_security_invoker_or_end_in_read() -> None:
    views = rows(
        "SELECT relname, coalesce(array_to_string(reloptions, ','), '') FROM pg_class "
        "WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace"
    )
    assert [
        name for name, options in views if "security_invoker" not in options and not name.endswith("_read")
    ] == []


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_every_tenant_model_refuses_without_scope(model: type[TenantOwned]) -> None:
    with pytest.raises(NoScope):
        model.objects.exists()
    with pytest.raises(NoScope):
        list(model.objects.all()[:1])
    with pytest.raises(NoScope):
        model.objects.update()
    with pytest.raises(NoScope):
        model.objects.all().delete()
