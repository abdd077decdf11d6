"""The measuring process of `benchmarks.s3_deployer`."""

import json

from benchmarks.s3_deployer import measure_here

print(json.dumps(measure_here()))
