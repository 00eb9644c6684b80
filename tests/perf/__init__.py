"""Benchmarks: `python -m tests.perf.bench` measures pairs side by side and writes a table.

What lives here: measurements that print ratios. What may not: tests that fail by the clock.
"""
