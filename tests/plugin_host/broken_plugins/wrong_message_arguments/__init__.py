from plugin_host.base import Plugin
from plugin_host.bus import on_message


class WrongMessageArguments(Plugin):
    name = "wrong-message-arguments"
    version = "1.0.0"

    @on_message("orders.paid")
    def take_order(self):
        pass
