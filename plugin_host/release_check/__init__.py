"""The production checklist: what a plugin should be before others get it.

checklist   the points, by area, and who looks at each
source      what the plugin's own code shows, read and not run
project     its pyproject.toml, README and tests
contract    `pytest --plugin-contract`, in a process of its own
"""

from plugin_host.release_check.checklist import Point, check_release

__all__ = ["Point", "check_release"]
