from plugin_host.base import Plugin


class InitRaises(Plugin):
    name = "init-raises"
    version = "1.0.0"

    def __init__(self):
        raise KeyError("settings")
