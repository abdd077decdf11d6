"""The demo's two tenants: who they are, who belongs to them, which plugins they use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# Known to everybody who reads this; the demo is for a developer's own machine.
PASSWORD: Final = "open-sesame-1001"
OPERATOR: Final = "operator@tenantry.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlugin:
    """A plugin that a demo tenant has switched on.

    Args:
        before_content: Switched on before the articles are written, so that it sees them.
    """

    plugin_id: str
    config: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    before_content: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTenant:
    """A demo tenant."""

    slug: str
    name: str
    plan: str
    time_zone: str
    tagline: str
    accent_color: str
    articles_title: str
    articles_description: str
    plugins: tuple[DemoPlugin, ...]

    @property
    def host(self) -> str:
        return f"{self.slug}.localhost"

    @property
    def owner(self) -> str:
        return f"owner@{self.slug}.example"

    @property
    def editor(self) -> str:
        return f"editor@{self.slug}.example"


def _webhooks(port: int, secret: str, **endpoint: Any) -> DemoPlugin:
    """Messages go to a listener on this machine; without one they are tried again for a day."""
    return DemoPlugin(
        plugin_id="webhooks",
        config={"endpoints": [{"name": "listener", "url": f"http://127.0.0.1:{port}/", **endpoint}]},
        secrets={"signing_secret": secret},
    )


TENANTS: Final = (
    DemoTenant(
        slug="acme",
        name="Acme Field Notes",
        plan="pro",
        time_zone="Europe/Stockholm",
        tagline="Gear that is tried outdoors, mended at the bench and written about without varnish.",
        accent_color="#b4532a",
        articles_title="Field notes",
        articles_description="What we make, how it fared, and how to mend it.",
        plugins=(
            DemoPlugin(
                plugin_id="reading-time",
                config={"words_per_minute": 200, "collections": ["articles"]},
                before_content=True,
            ),
            DemoPlugin(
                plugin_id="task-manager", config={"max_tasks_per_user": 20, "keep_completed_days": 90}
            ),
            _webhooks(9001, "whsec_YWNtZS1kZW1vLXNpZ25pbmcta2V5LTAwMDE="),
        ),
    ),
    DemoTenant(
        slug="globex",
        name="Globex Journal",
        plan="enterprise",
        time_zone="Europe/Berlin",
        tagline="Research into energy, including the parts that did not work.",
        accent_color="#1f5fae",
        articles_title="Articles",
        articles_description="From the laboratories, the control room and the cellar.",
        plugins=(
            DemoPlugin(
                plugin_id="reading-time",
                config={"words_per_minute": 240, "collections": ["articles"]},
                before_content=True,
            ),
            _webhooks(
                9002,
                "whsec_Z2xvYmV4LWRlbW8tc2lnbmluZy1rZXktMDAwMg==",
                events=["record.published", "record.unpublished"],
            ),
        ),
    ),
)
