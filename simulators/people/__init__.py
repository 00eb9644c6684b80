"""Synthetic residents: fingers, face, irises and biodata grown from a seed.

What lives here: identity (one seed, the same person for ever) and captures of it (a capture
number, the same picture again), plus finger images served from files. What may not: who sits at
the desk and how (that is `simulators.scene`), wire formats, and pictures or data of real people.
"""
