"""The measuring process of `benchmarks.dispatch`."""

import json

from benchmarks.dispatch import measure_here

print(json.dumps(measure_here()))
