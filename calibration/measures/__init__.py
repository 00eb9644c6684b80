"""Pure measures: arrays in, frozen dataclasses out; no device, no file, no clock.

Every result says its units in the names of its fields; what judges carries limit and verdict. What
may not live here: anything that opens, waits or prints.
"""
