"""One screen a file: what it shows of a view, and which command each key sends.

What may not live here: decisions, anything that must hold without a screen.
"""
