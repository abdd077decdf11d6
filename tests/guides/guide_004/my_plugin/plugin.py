from typing import Any

from plugin_host.base import Plugin
from plugin_host.hookspec import ContentLifecycleHooks
from plugin_host.context import HookContext
from core.logging import get_logger

from .config import MyPluginConfig

logger = get_logger(__name__)


class MyPlugin(Plugin, ContentLifecycleHooks):
    """Example plugin that reacts to content publishing."""

    name = "my-plugin"
    version = "1.0.0"
    description = "Does something useful when content is published"
    author = "Your Name"

    def __init__(self) -> None:
        super().__init__()
        self._configs: dict[str, MyPluginConfig] = {}

    def _get_config(self, tenant_id: str) -> MyPluginConfig:
        """Get tenant-specific configuration."""
        if tenant_id not in self._configs:
            config_dict = self.get_config(tenant_id)
            self._configs[tenant_id] = MyPluginConfig.from_dict(config_dict)
        return self._configs[tenant_id]

    async def dvp_content_published(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Called when content is published."""
        tenant_id = str(ctx.tenant_id)

        try:
            config = self._get_config(tenant_id)

            # Your logic here
            logger.info(
                f"Content published: {content_id}",
                extra={"tenant_id": tenant_id, "domain": content.get("domain")},
            )

        except Exception as e:
            # Action hooks should not propagate exceptions
            logger.exception(f"Error in my-plugin: {e}")
