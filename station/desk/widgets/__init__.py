"""Parts of screens: the live picture, bars, lines and lists. They paint what they are given.

What may not live here: commands, station state, decisions.
"""
