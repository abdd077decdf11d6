from plugin_host.models import PluginModel

PLUGIN_META = {"id": "early-models", "name": "Early models", "version": "1.0.0"}


def register(ctx):
    print(PluginModel)
