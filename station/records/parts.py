"""The files that a record consists of, before they are packed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from station.records.canonical import canonical
from station.records.content import BiometricImage, RecordContent

MANIFEST_PATH: Final = "manifest.json"
ITL_PATH: Final = "record.an2"
BIODATA_PATH: Final = "biodata.json"
ATTESTATIONS_PATH: Final = "attestations.json"
JSON_TYPE: Final = "application/json"
BINARY_TYPE: Final = "application/octet-stream"

# first bytes of the ISO/IEC 19794 parts 4, 6 and 5
_EXTENSION_OF = {b"FIR\x00": "fir", b"IIR\x00": "iir", b"FAC\x00": "fac"}


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the bundle."""

    path: str
    media_type: str
    data: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of the file."""
        return hashlib.sha256(self.data).hexdigest()


def device_part_path(image: BiometricImage) -> str | None:
    """Return where the device's own record of `image` lies in the bundle, None without one."""
    if image.device_record is None:
        return None
    extension = _EXTENSION_OF.get(image.device_record[:4], "bin")
    return f"device/{image.label}.{extension}"


def collect_parts(content: RecordContent, itl: bytes) -> list[Part]:
    """List every part of a record in its fixed order; `itl` is the ANSI/NIST file.

    Raises:
        ValueError: two parts would have the same name, or a document name is no plain file name.
    """
    parts = [
        Part(ITL_PATH, BINARY_TYPE, itl),
        Part(BIODATA_PATH, JSON_TYPE, canonical(dict(content.biodata))),
    ]
    for document in content.documents:
        if not _is_plain_name(document.name):
            raise ValueError("a document name is letters, digits, '.', '-' and '_' only")
        parts.append(Part(f"docs/{document.name}", document.media_type, document.data))
    for image in content.images:
        path = device_part_path(image)
        if path is not None and image.device_record is not None:
            parts.append(Part(path, BINARY_TYPE, image.device_record))
    parts.append(Part(ATTESTATIONS_PATH, JSON_TYPE, _attestations(content)))
    if len({part.path for part in parts}) != len(parts):
        raise ValueError("two parts of a record have the same name")
    return parts


def _is_plain_name(name: str) -> bool:
    return (
        name.isascii()
        and not name.startswith(".")
        and name.replace(".", "").replace("-", "").replace("_", "").isalnum()
    )


def _attestations(content: RecordContent) -> bytes:
    """What the devices signed about each capture, so that the proof can be repeated centrally.

    Token, payload and the device's record of the same label make the signed token again
    (`drivers.sbi.evidence.rebuild_token`); previous hash and record make the hash.
    """
    return canonical(
        [
            {
                "label": image.label,
                "device_serial": image.device_serial,
                "level": image.attestation.level,
                "signer_sha256": image.attestation.signer_sha256,
                "transaction_id": image.attestation.transaction_id,
                "tokens": list(image.attestation.tokens),
                "payloads": list(image.attestation.payloads),
                "previous_hashes": list(image.attestation.previous_hashes),
                "hashes": list(image.attestation.hashes),
            }
            for image in content.images
        ]
    )
