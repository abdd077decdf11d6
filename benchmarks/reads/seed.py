"""Content for the measurements of reading: 100 tenants, one of them with 100,000 published items."""

from __future__ import annotations

import psycopg

TENANTS = 100
ITEMS = 100_000
ITEMS_ELSEWHERE = 200
CATEGORIES = 500  # so that a page filtered by one has 200 of 100,000 to choose from
COLLECTION = "articles"
BIG_TENANT = "bench000"


def seed(owner_url: str) -> None:
    """Fill an empty, migrated database; the owner's policies let it write for all tenants."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(
            """
            INSERT INTO tenants_tenant (id, slug, name, plan, time_zone, status, tagline, accent_color, created_at)
            SELECT gen_random_uuid(), 'bench' || lpad(n::text, 3, '0'), 'Bench ' || n, 'pro', 'UTC', 'active', '', '',
                   now() FROM generate_series(0, %s - 1) n
            """,
            [TENANTS],
        )
        connection.execute(
            """
            INSERT INTO tenants_domain (id, tenant_id, host, is_primary, created_at)
            SELECT gen_random_uuid(), id, slug || '.test', true, now() FROM tenants_tenant
            """
        )
        connection.execute(
            """
            INSERT INTO core_collection (id, tenant_id, name, title, description, schema, schema_version, is_public,
                                         has_pages, requires_if_match, created_at, updated_at)
            SELECT gen_random_uuid(), id, %s, 'Articles', '',
                   '{"type": "object", "properties": {"category": {"type": "string", "x-index": true},
                     "summary": {"type": "string"}, "body": {"type": "string", "x-widget": "markdown"},
                     "rating": {"type": "number", "x-index": true}}}',
                   1, true, true, false, now(), now()
            FROM tenants_tenant
            """,
            [COLLECTION],
        )
        connection.execute(
            """
            INSERT INTO core_record (id, tenant_id, collection_id, slug, locale, title, data, version, state,
                                     source_path, source_hash, created_at, updated_at, published_at)
            SELECT gen_random_uuid(), c.tenant_id, c.id, 'item-' || n, '', 'Item ' || n,
                   jsonb_build_object('category', 'c' || n %% %s, 'rating', n %% 50,
                                      'summary', repeat('A sentence about it. ', 5),
                                      'body', repeat('Words of the body. ', 40)),
                   1, 'published', '', '', now(), now(), now() - make_interval(secs => n)
            FROM core_collection c JOIN tenants_tenant t ON t.id = c.tenant_id
            CROSS JOIN LATERAL generate_series(1, CASE WHEN t.slug = %s THEN %s ELSE %s END) n
            """,
            [CATEGORIES, BIG_TENANT, ITEMS, ITEMS_ELSEWHERE],
        )
        connection.execute(
            """
            INSERT INTO core_publishedsnapshot (id, tenant_id, record_id, collection_id, collection_name, slug, locale,
                title, path, version, document, etag, page_html, excerpt, is_public, published_at, updated_at)
            SELECT gen_random_uuid(), r.tenant_id, r.id, r.collection_id, %s, r.slug, '', r.title,
                   '/articles/' || r.slug, 1,
                   json_build_object('id', r.id, 'slug', r.slug, 'title', r.title, 'version', 1,
                                     'published_at', r.published_at, 'data', r.data)::text,
                   '"' || md5(r.id::text) || '"', '', '', true, r.published_at, r.updated_at
            FROM core_record r
            """,
            [COLLECTION],
        )
        connection.execute(
            """
            INSERT INTO core_fieldvalue (id, tenant_id, collection_id, record_id, field, is_published, text_value)
            SELECT gen_random_uuid(), tenant_id, collection_id, id, 'category', true, data->>'category' FROM core_record
            """
        )
        connection.execute(
            """
            CREATE TABLE bench_article (id uuid PRIMARY KEY, slug text UNIQUE, title text, category text, summary text,
                                        body text, rating float8, published_at timestamptz)
            """
        )
        connection.execute(
            """
            INSERT INTO bench_article SELECT r.id, r.slug, r.title, data->>'category', data->>'summary', data->>'body',
                   (data->>'rating')::float8, r.published_at
            FROM core_record r JOIN tenants_tenant t ON t.id = r.tenant_id WHERE t.slug = %s
            """,
            [BIG_TENANT],
        )
        connection.execute("CREATE INDEX ON bench_article (category, published_at DESC)")
        connection.execute("GRANT SELECT ON bench_article TO tenantry_tenant, tenantry_login")
        connection.execute("VACUUM ANALYZE")
