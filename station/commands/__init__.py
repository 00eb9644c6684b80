"""What the command line does, one module a command.

What lives here: reading arguments' meaning, calling the parts below, printing results for people or
programs. What may not: rules of recording, protocols, screens.
"""
