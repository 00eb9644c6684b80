"""Smart-card readers and the cards that the desk reads.

What lives here: the two wires (`pcsc`, `loopback`), the thread that may hang on them (`link`), the
reader devices (`reader`), commands and files (`apdu`, `tlv`, `atr`), and what is publicly known of
each card (`profiles`). What may not: keys, access-module data, guesses about what is not public,
and any simulated card.
"""
