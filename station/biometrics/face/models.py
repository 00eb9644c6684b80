"""Find, check and load the network files; they are data of a wheel that is never imported."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import cv2

INSTALL_HINT: Final = 'run "make run" or "pip install --no-deps mediapipe==0.10.21"'

_PACKAGE: Final = "mediapipe"
_FOLDER: Final = "mediapipe/modules"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file below the root of the package, and the only content accepted for it."""

    path: str
    sha256: str


class Model(Enum):
    """The networks of MediaPipe 0.10.21 (Apache-2.0)."""

    DETECTOR = ModelFile(
        f"{_FOLDER}/face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    )
    MESH = ModelFile(
        f"{_FOLDER}/face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    )
    IRIS = ModelFile(
        f"{_FOLDER}/iris_landmark/iris_landmark.tflite",
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
    )
    PERSON = ModelFile(
        f"{_FOLDER}/selfie_segmentation/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    )


class ModelsMissing(Exception):
    """A model file is absent or is not the file this code was written for."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"face models: {reason}; {INSTALL_HINT}")


def model_path(model: Model) -> Path:
    """Find a model file and check its SHA-256.

    Raises:
        ModelsMissing: package not installed, file absent, or other content.
    """
    try:
        located = importlib.metadata.distribution(_PACKAGE).locate_file(model.value.path)
        path = Path(str(located))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except importlib.metadata.PackageNotFoundError as error:
        raise ModelsMissing(f"package {_PACKAGE} is not installed") from error
    except OSError as error:
        raise ModelsMissing(f"{model.value.path} cannot be read") from error
    if digest != model.value.sha256:
        raise ModelsMissing(f"{model.value.path} is not the expected file")
    return path


def load_network(model: Model) -> cv2.dnn.Net:
    """Load a network after checking its file; a network belongs to one thread at a time.

    Raises:
        ModelsMissing: as `model_path`.
    """
    import cv2

    # the default engine of OpenCV 5 gives one of several outputs only, and the overload that takes
    # bytes ignores the engine
    return cv2.dnn.readNetFromTFLite(str(model_path(model)), engine=cv2.dnn.ENGINE_CLASSIC)
