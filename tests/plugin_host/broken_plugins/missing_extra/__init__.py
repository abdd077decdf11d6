from plugin_host.base import Plugin
from plugin_host.errors import PluginError


class MissingExtra(Plugin):
    name = "missing-extra"
    version = "1.0.0"

    def __init__(self):
        raise PluginError("boto3 is missing: pip install missing-extra[aws]")
