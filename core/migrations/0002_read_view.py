"""A view for conditions whose operators are not leakproof (LIKE, JSON), which a policy would keep from using an index.

The tenant condition stands inside the view. It is owned by the migrations' role and is neither `security_invoker`
nor a security barrier, so PostgreSQL may push every condition down to an index; without a tenant it is empty.
Source: PostgreSQL manual, "Rules and Privileges".
"""

from django.db import migrations

from core.tenancy.constraints import TENANT_IN_SCOPE
from core.tenancy.roles import role_name

COLUMNS = (
    "id, tenant_id, record_id, collection_id, collection_name, slug, locale, title, path, version, document, etag, "
    "page_html, excerpt, is_public, published_at, updated_at"
)


def make_view(apps, schema_editor):
    schema_editor.execute(
        f"CREATE VIEW core_publishedsnapshot_read AS SELECT {COLUMNS} FROM core_publishedsnapshot "
        f"WHERE tenant_id = {TENANT_IN_SCOPE}",
        params=None,
    )
    reader = schema_editor.quote_name(role_name("tenant"))
    schema_editor.execute(f"GRANT SELECT ON core_publishedsnapshot_read TO {reader}", params=None)


def drop_view(apps, schema_editor):
    schema_editor.execute("DROP VIEW core_publishedsnapshot_read", params=None)


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [migrations.RunPython(make_view, drop_view)]
