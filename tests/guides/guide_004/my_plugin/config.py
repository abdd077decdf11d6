from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MyPluginConfig:
    """Immutable configuration for MyPlugin."""

    api_endpoint: str
    timeout_seconds: int = 30

    def __post_init__(self) -> None:
        if not self.api_endpoint:
            raise ValueError("api_endpoint is required")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "MyPluginConfig":
        return cls(
            api_endpoint=data.get("api_endpoint", ""),
            timeout_seconds=data.get("timeout_seconds", 30),
        )
