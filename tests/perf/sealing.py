"""A person of realistic size to be sealed, on the real store and the real journal."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from drivers.positions import Eye, Finger
from simulators import pki
from simulators.people.person import Person
from simulators.scene import Scene
from station.biometrics.codecs import encode_jp2_lossless
from station.records.content import (
    FaceImage,
    FingerImage,
    IrisImage,
    RecordContent,
    new_record_id,
)
from station.records.journal import Journal
from station.records.keys import StationKeys
from station.records.store import RecordStore
from station.records.writer import seal_and_store


class SealBench:
    """Keys, store, journal and the pictures of one person, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        pki.ensure(folder / "pki")
        self._keys = StationKeys.open(
            folder / "keys",
            signing_key=folder / "pki" / "station.key",
            certificate=folder / "pki" / "station.pem",
            recipients=[folder / "pki" / "data-centre.pem", folder / "pki" / "escrow.pem"],
            now=datetime.now(UTC),
        )
        self._store = RecordStore(folder / "records", station="BENCH", signer=self._keys.signer)
        self._journal = Journal.create(folder / "journal", new_record_id(), self._keys.journal_key)
        self._frame = os.urandom(160_000)
        self._images = _images()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._journal.close()
        self._store.close()

    def seal(self) -> int:
        """Seal and store one record; return its size in bytes."""
        fingers, irises, face = self._images
        content = RecordContent(
            record_id=new_record_id(),
            station="BENCH",
            operator="BENCH",
            created_at=datetime.now(UTC),
            simulated=True,
            software_version="0",
            configuration_sha256="0" * 64,
            biodata={"nik": "3171011708450001"},
            fingers=fingers,
            irises=irises,
            face=face,
        )
        return seal_and_store(content, self._keys, self._store).size

    def append(self) -> None:
        """Make one accepted capture durable."""
        self._journal.append({"event": "bench"}, [self._frame])

    def bare(self, size: int) -> None:
        """Write and synchronise `size` bytes and nothing else."""
        descriptor = os.open(self._folder / "bare", os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        os.write(descriptor, bytes(size))
        os.fsync(descriptor)
        os.close(descriptor)


def _images() -> tuple[tuple[FingerImage, ...], tuple[IrisImage, ...], FaceImage]:
    from drivers.positions import Slap

    scene = Scene(Person(7001))
    fingers = []
    for slap in Slap:
        scene.asked_for(slap)
        for finger, image in scene.fingers_on_platen().items():
            fingers.append(_finger(finger, image))
    irises = []
    for eye in Eye:
        image = scene.iris_image(eye)
        height, width = image.shape
        irises.append(IrisImage(eye, encode_jp2_lossless(image), "JP2", width, height))
    portrait = scene.face_frame(0)
    height, width = portrait.shape[:2]
    face = FaceImage(_encode(".jpg", portrait), "JPEG", width, height)
    return tuple(fingers), tuple(irises), face


def _finger(finger: Finger, image: np.ndarray) -> FingerImage:
    height, width = image.shape
    return FingerImage(finger, encode_jp2_lossless(image), "JP2", width, height, 500, nfiq2=60)


def _encode(ending: str, image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(ending, image)[1].tobytes())
