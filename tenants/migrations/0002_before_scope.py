"""The three functions that answer before a tenant is in scope; each returns one row at most.

They run as the owner (SECURITY DEFINER), so they may look past row-level security; what they return is all that a
caller without a scope can learn. Source: PostgreSQL manual, "Writing SECURITY DEFINER Functions Safely".
"""

from django.db import migrations

from core.tenancy.roles import role_name

FUNCTIONS = {
    "resolve_host(wanted_host text)": """
        RETURNS TABLE (tenant_id uuid, slug varchar, name varchar, plan varchar, status varchar, time_zone varchar,
                       tagline varchar, accent_color varchar, primary_host varchar)
        AS $$
            SELECT t.id, t.slug, t.name, t.plan, t.status, t.time_zone, t.tagline, t.accent_color,
                   coalesce((SELECT p.host FROM tenants_domain p WHERE p.tenant_id = t.id AND p.is_primary), d.host)
            FROM tenants_domain d JOIN tenants_tenant t ON t.id = d.tenant_id
            WHERE d.host = wanted_host
        $$
    """,
    "resolve_key(wanted_prefix text, wanted_hash bytea)": """
        RETURNS TABLE (key_id uuid, tenant_id uuid, slug varchar, status varchar, name varchar, user_id uuid,
                       role varchar, scopes jsonb, last_used_at timestamptz)
        AS $$
            SELECT k.id, t.id, t.slug, t.status, k.name, k.user_id,
                   CASE WHEN k.user_id IS NULL THEN k.role ELSE m.role END, k.scopes, k.last_used_at
            FROM tenants_apikey k JOIN tenants_tenant t ON t.id = k.tenant_id
            LEFT JOIN tenants_user u ON u.id = k.user_id
            LEFT JOIN tenants_membership m ON m.user_id = k.user_id AND m.tenant_id = k.tenant_id
            WHERE k.prefix = wanted_prefix AND k.secret_hash = wanted_hash AND k.revoked_at IS NULL
              AND (k.expires_at IS NULL OR k.expires_at > now())
              AND (k.user_id IS NULL OR (u.is_active AND m.id IS NOT NULL))
        $$
    """,
    "resolve_session(wanted_key text, at_tenant uuid)": """
        RETURNS TABLE (session_data text, expire_date timestamptz)
        AS $$
            SELECT s.session_data, s.expire_date FROM tenants_session s
            WHERE s.session_key = wanted_key AND s.expire_date > now()
              AND s.tenant_id IS NOT DISTINCT FROM at_tenant
        $$
    """,
}


def make_functions(apps, schema_editor):
    callers = ", ".join(schema_editor.quote_name(role_name(kind)) for kind in ("tenant", "platform"))
    for signature, body in FUNCTIONS.items():
        name, _, arguments = signature.partition("(")
        types = ", ".join(argument.split()[1] for argument in arguments.rstrip(")").split(", "))
        schema_editor.execute(
            f"CREATE FUNCTION {signature} {body} LANGUAGE sql STABLE SECURITY DEFINER "
            "SET search_path = pg_catalog, public",
            params=None,
        )
        schema_editor.execute(f"REVOKE ALL ON FUNCTION {name}({types}) FROM PUBLIC", params=None)
        schema_editor.execute(f"GRANT EXECUTE ON FUNCTION {name}({types}) TO {callers}", params=None)


def drop_functions(apps, schema_editor):
    for signature in FUNCTIONS:
        schema_editor.execute(f"DROP FUNCTION {signature.partition('(')[0]}", params=None)


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [migrations.RunPython(make_functions, drop_functions)]
