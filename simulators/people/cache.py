"""Grown fingers on disk: a cache that may be deleted, damaged or unwritable at any time."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import struct
import tempfile
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Final

import numpy as np
import platformdirs

from simulators.people.fingerprints import GENERATOR_VERSION, HEIGHT, WIDTH, Master

log = logging.getLogger(__name__)

FOLDER_VARIABLE: Final = "REKAM_CACHE"

# everything that zipfile and numpy were seen to raise for damaged bytes
_DAMAGE = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, RuntimeError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
)


def folder() -> Path:
    """Return the folder of grown residents: `people` under the user's cache of rekam.

    The environment variable REKAM_CACHE names another cache folder.
    """
    root = os.environ.get(FOLDER_VARIABLE) or platformdirs.user_cache_dir("rekam")
    return Path(root) / "people"


def path_of(seed: int) -> Path:
    """Return the file of the finger grown from `seed` by this version of the generator."""
    name = hashlib.blake2b(f"{GENERATOR_VERSION}/{seed}".encode(), digest_size=16).hexdigest()
    return folder() / f"{name}.npz"


def load(seed: int) -> Master | None:
    """Return a finger grown earlier, None when there is none or its file is damaged."""
    path = path_of(seed)
    try:
        # np.load forgets to close a file that it opened and could not read
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            pattern, levels = str(content["pattern"]), content["levels"]
    except FileNotFoundError:
        return None
    except _DAMAGE:
        log.warning("damaged cache file %s: the finger is grown again", path.name)
        return None
    if levels.shape != (HEIGHT, WIDTH) or levels.dtype != np.int8:
        log.warning("cache file %s holds something else: the finger is grown again", path.name)
        return None
    levels.flags.writeable = False
    return Master(pattern, levels)


def store(seed: int, master: Master) -> None:
    """Write a finger atomically; a folder that cannot be written costs time, not the finger."""
    path = path_of(seed)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, suffix=".part", delete=False
        ) as temporary:
            np.savez(temporary, pattern=np.array(master.pattern), levels=master.levels)
        Path(temporary.name).replace(path)
    except OSError as error:
        log.warning("cannot write the cache of grown fingers: %s", error.strerror)
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary.name).unlink(missing_ok=True)
