from plugin_host.models import PluginModel


class Half(PluginModel):
    pass


raise RuntimeError("no models today")
