"""The measuring process of `benchmarks.deliveries`."""

import json

from benchmarks.deliveries import measure_here

print(json.dumps(measure_here()))
