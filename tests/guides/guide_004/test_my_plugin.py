"""Tests for MyPlugin."""
import pytest
from unittest.mock import AsyncMock, MagicMock, patch
from my_plugin import MyPlugin, MyPluginConfig


class TestMyPluginConfig:
    """Test configuration validation."""

    def test_api_endpoint_required(self):
        """api_endpoint is required."""
        with pytest.raises(ValueError, match="api_endpoint"):
            MyPluginConfig(api_endpoint="")

    def test_valid_config_accepted(self):
        """Valid configuration is accepted."""
        config = MyPluginConfig(api_endpoint="https://api.example.com")
        assert config.api_endpoint == "https://api.example.com"
        assert config.timeout_seconds == 30  # default

    def test_from_dict(self):
        """from_dict creates valid config."""
        config = MyPluginConfig.from_dict({
            "api_endpoint": "https://api.example.com",
            "timeout_seconds": 60,
        })
        assert config.timeout_seconds == 60


class TestMyPluginRegistration:
    """Test plugin metadata."""

    def test_plugin_has_correct_name(self):
        plugin = MyPlugin()
        assert plugin.name == "my-plugin"

    def test_plugin_has_version(self):
        plugin = MyPlugin()
        assert plugin.version is not None


class TestMyPluginContentPublished:
    """Test dvp_content_published hook."""

    @pytest.fixture
    def hook_context(self):
        from plugin_host.context import HookContext
        return HookContext(
            tenant_id="11111111-1111-1111-1111-111111111111",
            tenant_slug="test-tenant",
            tenant_plan="pro",
        )

    @pytest.fixture
    def sample_content(self):
        return {
            "content_id": "content-123",
            "domain": "example.com",
            "page_type": "article",
            "rendered_html": "<html><body>Test</body></html>",
        }

    @pytest.mark.asyncio
    async def test_handles_content_published(self, hook_context, sample_content):
        """Plugin handles content published event."""
        plugin = MyPlugin()

        # Mock configuration
        with patch.object(plugin, "_get_config") as mock_config:
            mock_config.return_value = MagicMock(
                api_endpoint="https://api.example.com",
            )

            # Should not raise
            await plugin.dvp_content_published(
                ctx=hook_context,
                content_id="content-123",
                content=sample_content,
                metadata=None,
            )
