"""The measuring process of `benchmarks.domains`."""

import json

from benchmarks.domains import measure_here

print(json.dumps(measure_here()))
