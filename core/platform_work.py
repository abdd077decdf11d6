"""The one list of work that looks beyond a single tenant.

Each member is a reason to enter `core.scope.platform_scope`. Whoever needs another reason adds it here, so that
a reader of this file knows every place in which row-level security does not narrow a query to one tenant.
Entering is logged with reason and actor.
"""

from __future__ import annotations

from enum import StrEnum


class PlatformWork(StrEnum):
    SIGN_IN = "sign_in"  # checks a password; credentials are unreadable in a tenant's scope
    PEOPLE = "people"  # finds or makes the person behind an e-mail address, ends sign-ins, sets passwords
    CLEAN_UP = "clean_up"  # deletes ended sign-ins, and old health results and scheduled runs, of all tenants
    PLATFORM_ADMIN = "platform_admin"  # an operator's own pages on the platform host
    TENANT_DIRECTORY = "tenant_directory"  # create, list, suspend and resume tenants
    SEED_DEMO = "seed_demo"  # makes the two demo tenants in an empty database
    DELIVERY_DISPATCH = "delivery_dispatch"  # claims due deliveries of all tenants and writes their outcomes
    DELIVERY_SWEEP = "delivery_sweep"  # finds lost leases, due retries and lost doorbells of all tenants
    PLUGIN_DIRECTORY = "plugin_directory"  # platform-wide plugin settings and "which tenants have it on?"
    PLUGIN_UNINSTALL = "plugin_uninstall"  # counts, exports and deletes what all tenants have of one plugin
    SECRET_ROTATION = "secret_rotation"  # re-wraps each tenant's data key under the newest master key
    SCHEDULES = "schedules"  # the clock looks for what is due in all tenants
    SEO_METRICS = "seo_metrics"  # searches metrics of all tenants that were left over, and deletes old ones
    HEALTH = "health"  # readiness: age of the oldest due delivery over all tenants
