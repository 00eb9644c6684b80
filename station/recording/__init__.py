"""The recording itself: state tables, policy, guidance, and the one loop that drives devices.

What lives here: `session` and `capture` (the tables, pure), `policy` (accept, retry or decide,
pure), `station` (the loop that runs what the tables say). What may not: screens, key presses, SQL,
formats of records.
"""
