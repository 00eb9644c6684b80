"""The catalogues of the second language, and the hook that compiles them at build time.

What lives here: one folder a language with `rekam.po`, and `build_catalogues`. What may not: source
strings, which stand in English where they are used.
"""
