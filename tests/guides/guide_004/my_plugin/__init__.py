from .config import MyPluginConfig
from .plugin import MyPlugin

__all__ = ["MyPlugin", "MyPluginConfig"]
