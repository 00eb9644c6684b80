"""A whole session of the unmodified adafruit_fingerprint on a port; prints the outcome as JSON.

`busio` and `micropython` are parts of CircuitPython; the folder `circuitpython` beside this file
stands for them on the path of this process.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import adafruit_fingerprint as library  # type: ignore[import-untyped]
import serial

PAGE = 7


def take(sensor: Any, buffer: int) -> None:
    while sensor.get_image() != library.OK:
        continue
    assert sensor.image_2_tz(buffer) == library.OK  # a script, and its only check
    while sensor.get_image() != library.NOFINGER:
        continue


def main(port: str, baud: int, picture: Path) -> dict[str, Any]:
    uart = serial.Serial(port, baudrate=baud, timeout=1)
    sensor = library.Adafruit_Fingerprint(uart)
    told: dict[str, Any] = {"present": sensor.check_module(), "capacity": sensor.library_size}
    told["emptied"] = sensor.empty_library()
    take(sensor, 1)
    take(sensor, 2)
    told["merged"] = sensor.create_model()
    told["stored"] = sensor.store_model(PAGE)
    told["read"] = sensor.read_templates()
    told["templates"] = sensor.templates
    take(sensor, 1)
    told["same finger"] = [sensor.finger_search(), sensor.finger_id, sensor.confidence]
    told["fast"] = [sensor.finger_fast_search(), sensor.finger_id]
    told["loaded"] = sensor.load_model(PAGE, 2)
    told["compared"] = sensor.compare_templates()
    take(sensor, 1)
    told["other finger"] = [sensor.finger_search(), sensor.finger_id, sensor.confidence]
    template = sensor.get_fpdata("char", 2)
    told["template"] = bytes(template).hex()
    told["sent"] = sensor.send_fpdata(template, "char", 1)
    told["sent back"] = sensor.get_fpdata("char", 1) == template
    told["light"] = sensor.set_led(color=2, mode=1)
    told["counted"] = [sensor.count_templates(), sensor.template_count]
    told["deleted"] = sensor.delete_model(PAGE)
    sensor.soft_reset()
    while sensor.get_image() != library.OK:
        continue
    picture.write_bytes(bytes(sensor.get_fpdata("image")))
    sensor.close_uart()
    return told


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))))
