"""From accepted captures to a sealed record that survives a power cut, and the proof that it did.

What lives here: the journal of a recording in progress, the ANSI/NIST record, manifest and bundle,
the CMS seal, the store with its audit log, key custody, and verification. What may not: judging
(that is `station.biometrics`), the order of the steps (`station.recording`), devices, screens and
the network. Nothing personal leaves this folder except inside an encrypted journal or a sealed
record.
"""
