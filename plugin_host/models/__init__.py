"""Tables of the plugin host, and the base for those of plugins."""

from core.tenancy.models import TenantRelation
from plugin_host.models.breaker import PluginBreaker
from plugin_host.models.delivery import Delivery, DeliveryAttempt, DeliveryHistory
from plugin_host.models.health import HealthResult, HealthVerdict
from plugin_host.models.plugin_model import PluginModel
from plugin_host.models.runtime import OnceKey, StoreEntry
from plugin_host.models.schedule import ScheduledAttempt, ScheduledItem, ScheduledRun
from plugin_host.models.secret import PluginSecret, TenantDataKey
from plugin_host.models.seo import SEOLearning, SEOMetrics, SEOPattern
from plugin_host.models.settings import (
    PlatformConfigRevision,
    PlatformPluginSettings,
    PluginConfigRevision,
    PluginSettings,
    PluginState,
)

__all__ = [
    "Delivery",
    "DeliveryAttempt",
    "DeliveryHistory",
    "HealthResult",
    "HealthVerdict",
    "OnceKey",
    "PlatformConfigRevision",
    "PlatformPluginSettings",
    "PluginBreaker",
    "PluginConfigRevision",
    "PluginModel",
    "PluginSecret",
    "PluginSettings",
    "PluginState",
    "SEOLearning",
    "SEOMetrics",
    "SEOPattern",
    "ScheduledAttempt",
    "ScheduledItem",
    "ScheduledRun",
    "StoreEntry",
    "TenantDataKey",
    "TenantRelation",
]
