"""`manage.py plugin new`: a plugin that works, to be changed into another one.

The files that it writes are the templates in `project/`: a package with its tests, in Django's template language.
"""

from plugin_host.scaffold.names import PluginNames, checked_names
from plugin_host.scaffold.writing import FEATURES, STYLES, Blueprint, write_plugin

__all__ = ["FEATURES", "STYLES", "Blueprint", "PluginNames", "checked_names", "write_plugin"]
