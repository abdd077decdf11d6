from plugin_host.base import Plugin


class One(Plugin):
    name = "two-classes"
    version = "1.0.0"


class Two(Plugin):
    name = "two-classes"
    version = "1.0.0"
