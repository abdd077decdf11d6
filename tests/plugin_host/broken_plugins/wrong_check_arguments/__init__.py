from plugin_host.base import Plugin


class WrongCheckArguments(Plugin):
    name = "wrong-check-arguments"
    version = "1.0.0"

    async def dvp_execute_health_check(self, ctx, target):
        pass
