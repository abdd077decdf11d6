"""The measuring process of `benchmarks.deliveries`."""

from benchmarks.deliveries import measure_here

measure_here()
