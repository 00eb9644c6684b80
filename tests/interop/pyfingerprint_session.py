"""A whole session of the unmodified pyfingerprint on a port; prints what came out as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pyfingerprint.pyfingerprint import PyFingerprint  # type: ignore[import-untyped]

PAGE = 5


def take(sensor: Any, buffer: int) -> None:
    while not sensor.readImage():
        continue
    sensor.convertImage(buffer)
    while sensor.readImage():  # the finger must be lifted
        continue


def main(port: str, baud: int, picture: Path) -> dict[str, Any]:
    sensor = PyFingerprint(port, baud, 0xFFFFFFFF, 0)
    told: dict[str, Any] = {"password": sensor.verifyPassword()}
    told["capacity"] = sensor.getStorageCapacity()
    sensor.clearDatabase()
    take(sensor, 1)
    take(sensor, 2)
    told["merged"] = sensor.createTemplate()
    told["stored"] = sensor.storeTemplate(PAGE)
    told["count"] = sensor.getTemplateCount()
    told["index"] = [page for page, used in enumerate(sensor.getTemplateIndex(0)) if used]
    take(sensor, 1)
    told["same finger"] = sensor.searchTemplate()
    sensor.loadTemplate(PAGE, 2)
    told["score"] = sensor.compareCharacteristics()
    take(sensor, 1)
    told["other finger"] = sensor.searchTemplate()
    told["score of the other"] = sensor.compareCharacteristics()
    template = sensor.downloadCharacteristics(2)
    told["template"] = bytes(template).hex()
    told["uploaded"] = sensor.uploadCharacteristics(1, template)
    told["random"] = sensor.generateRandomNumber()
    while not sensor.readImage():
        continue
    sensor.downloadImage(str(picture))
    sensor.setSecurityLevel(4)
    sensor.setMaxPacketSize(64)
    told["settings"] = sensor.getSystemParameters()
    told["deleted"] = sensor.deleteTemplate(PAGE)
    told["left"] = sensor.getTemplateCount()
    return told


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))))
