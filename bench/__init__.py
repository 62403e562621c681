"""Benchmarks: ratios measured side by side, each in a module ``measure_<what>`` that prints its own line."""
