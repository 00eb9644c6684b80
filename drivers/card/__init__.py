"""Smart-card readers and the cards that the desk reads.

What lives here: the wires (`pcsc`, `loopback`, and `trace` around either), the thread that may hang
on them (`link`, `link_keeper`), the channel of one session (`channel`), the reader devices
(`transport_reader`, `reader`), the monitor, commands and files (`apdu`, `tlv`, `atr`), and what is
publicly known of each card (`profiles`). What may not: keys, access-module data, guesses about what
is not public, and any simulated card. docs/reference/cards.md describes the layers.
"""
