"""Compile every catalogue: as a step of the build (hatchling) and for `make messages`.

The compiled file carries the hash of its source, so that a program can tell at once whether it is
the right one; times of files say nothing after an installation.
"""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE_HASH_ID = "sha256 of the source catalogue"
"""Message id under which the compiled file holds the hash; `station.i18n` reads it."""


def catalogue_bytes(source: bytes, language: str) -> bytes:
    """Compile the bytes of a `.po` file; fuzzy entries are left out."""
    catalogue = read_po(io.BytesIO(source), locale=language, abort_invalid=True)
    catalogue.add(SOURCE_HASH_ID, hashlib.sha256(source).hexdigest())
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    return compiled.getvalue()


def compile_catalogues(folder: Path) -> list[Path]:
    """Write a `.mo` beside every `LANGUAGE/LC_MESSAGES/*.po` below `folder`; return what is new."""
    written = []
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        compiled = source.with_suffix(".mo")
        content = catalogue_bytes(source.read_bytes(), source.parents[1].name)
        if not compiled.exists() or compiled.read_bytes() != content:
            compiled.write_bytes(content)
            written.append(compiled)
    return written


class CustomBuildHook(BuildHookInterface[Any]):
    """Compiles the catalogues before anything is packed or installed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before each build."""
        compile_catalogues(Path(self.root) / "station" / "locale")


if __name__ == "__main__":
    for path in compile_catalogues(Path(__file__).parent):
        sys.stdout.write(f"{path}\n")
