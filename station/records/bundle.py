"""The bundle: a zip archive that has one spelling only, so that equal content gives equal bytes."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from station.records.errors import HashMismatch, StructureInvalid
from station.records.manifest import Manifest, parse_manifest
from station.records.parts import MANIFEST_PATH, Part

_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_OWNER_ONLY = 0o100600 << 16
# what zipfile raises on damaged archives
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    OverflowError,
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle whose parts agree with its manifest."""

    manifest: Manifest
    parts: Mapping[str, bytes] = field(repr=False)


def pack(manifest: Manifest, parts: Sequence[Part]) -> bytes:
    """Write manifest and parts, in this order, stored without compression."""
    return _archive([(MANIFEST_PATH, manifest.encoded()), *((p.path, p.data) for p in parts)])


def _archive(files: Sequence[tuple[str, bytes]]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path, data in files:
            entry = zipfile.ZipInfo(path, _TIMESTAMP)
            entry.create_system = _UNIX
            entry.external_attr = _OWNER_ONLY
            archive.writestr(entry, data)
    return target.getvalue()


def read_files(data: bytes) -> dict[str, bytes]:
    """Read the files of a bundle in their order, without looking at the manifest.

    Raises:
        StructureInvalid: no zip archive, or one that `pack` would have written differently.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise StructureInvalid("bundle holds a compressed file")
            files = [(entry.filename, archive.read(entry)) for entry in entries]
    except _UNREADABLE as error:
        raise StructureInvalid(f"bundle of {len(data)} bytes is no zip archive") from error
    # one spelling only: no hidden files, double names, comments or bytes between the files
    if len(dict(files)) != len(files) or _archive(files) != data:
        raise StructureInvalid("bundle is not written as bundles are")
    return dict(files)


def unpack(data: bytes) -> Bundle:
    """Open a bundle and check every part against the manifest.

    Raises:
        StructureInvalid: archive or manifest are malformed, or a part is missing or not listed.
        HashMismatch: a part differs from its hash or size.
    """
    files = read_files(data)
    if next(iter(files), None) != MANIFEST_PATH:
        raise StructureInvalid("bundle does not begin with its manifest")
    manifest = parse_manifest(files.pop(MANIFEST_PATH))
    if [entry.path for entry in manifest.parts] != list(files):
        raise StructureInvalid("parts differ from those in the manifest")
    for entry in manifest.parts:
        part = files[entry.path]
        if len(part) != entry.size or hashlib.sha256(part).hexdigest() != entry.sha256:
            raise HashMismatch(f"part {entry.path}")
    return Bundle(manifest, files)
