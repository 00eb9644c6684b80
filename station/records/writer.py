"""From the content of one recording to a stored record, in one call."""

from __future__ import annotations

from station.records.bundle import pack
from station.records.content import RecordContent
from station.records.errors import StructureInvalid
from station.records.itl import build
from station.records.itl_check import validate
from station.records.keys import StationKeys, fingerprint
from station.records.manifest import build_manifest
from station.records.parts import collect_parts
from station.records.rows import RecordMeta, StoredRecord
from station.records.seal import seal
from station.records.signature import sign_detached
from station.records.store import RecordStore


def seal_and_store(content: RecordContent, keys: StationKeys, store: RecordStore) -> StoredRecord:
    """Build, check, sign, seal and store one record; it is durable when this returns.

    Plaintext exists in memory only. One recording at a time: the manifest states the record's
    number and the head of the audit log.

    Raises:
        StructureInvalid: the captures do not make a valid ANSI/NIST record; nothing was stored.
        RecordExists, DiskFull, StorageFailed: as `RecordStore.commit`.
        ValueError: a code or name in the content is malformed.
    """
    itl = build(content)
    if problems := validate(itl):
        raise StructureInvalid("; ".join(problems[:3]))
    parts = collect_parts(content, itl)
    manifest = build_manifest(
        content,
        parts,
        custody=keys.custody,
        sequence=store.next_sequence(),
        audit=store.head(),
    )
    sealed = seal(pack(manifest, parts), keys.signer, keys.recipients)
    meta = RecordMeta(
        record_id=content.record_id,
        operator=content.operator,
        recipients=tuple(fingerprint(certificate) for certificate in keys.recipients),
        simulated=content.simulated,
    )
    return store.commit(sealed, sign_detached(sealed, keys.signer), meta)
