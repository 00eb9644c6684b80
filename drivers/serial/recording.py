"""Recording a live line into a wire file, from which a test can be made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from drivers.positions import Finger
from drivers.serial.port import Port
from drivers.serial.r30x import R30xScanner
from drivers.serial.wire_file import Exchange, write_lines
from drivers.values import FingerRequest


class RecordingPort:
    """A port that remembers what passes through it; everything else is the port's own affair."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._exchanges: list[Exchange] = []

    @property
    def baudrate(self) -> int:
        """Speed of the line in bit/s."""
        return self._port.baudrate

    @baudrate.setter
    def baudrate(self, baud: int) -> None:
        self._port.baudrate = baud

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        return self._port.in_waiting

    @property
    def out_waiting(self) -> int:
        """Bytes that have not been sent yet."""
        return self._port.out_waiting

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What has been said, in order."""
        return tuple(self._exchanges)

    def read(self, size: int = 1, /) -> bytes:
        """Return up to `size` bytes."""
        data = self._port.read(size)
        if data and self._exchanges:
            last = self._exchanges[-1]
            self._exchanges[-1] = Exchange(last.baud, last.sent, last.received + data)
        return data

    def write(self, data: bytes, /) -> int | None:
        """Send all bytes; pieces that follow each other without an answer belong together."""
        last = self._exchanges[-1] if self._exchanges else None
        if last is None or last.received or last.baud != self._port.baudrate:
            self._exchanges.append(Exchange(self._port.baudrate, bytes(data), b""))
        else:
            self._exchanges[-1] = Exchange(last.baud, last.sent + data, b"")
        return self._port.write(data)

    def reset_input_buffer(self) -> None:
        """Drop what has arrived; the driver never saw it, so that it is not recorded."""
        self._port.reset_input_buffer()

    def close(self) -> None:
        """Release the port."""
        self._port.close()


async def record_line(
    scanner: R30xScanner,
    file: Path,
    *,
    simulated: bool,
    with_finger: bool = True,
    timeout: float = 30.0,
) -> int:
    """Record opening, self-test, a look at the sensor and, `with_finger`, one capture.

    The scanner must be closed, and is closed afterwards. The file is written also when the device
    fails, because then it is wanted most; biometric data are masked unless the module is
    `simulated`. Returns the number of exchanges.

    Raises:
        DeviceError: what the device did; the file holds the line until then.
    """
    ports: list[RecordingPort] = []

    def wrapped(port: Port) -> Port:
        ports.append(RecordingPort(port))
        return ports[-1]

    before, scanner.wrap_port = scanner.wrap_port, wrapped
    try:
        await scanner.connect()
        await scanner.self_test()
        await scanner.finger_present()
        if with_finger:
            await scanner.capture(FingerRequest(Finger.RIGHT_INDEX), timeout)
    finally:
        scanner.wrap_port = before
        await scanner.close()
        exchanges = [exchange for port in ports for exchange in port.exchanges]
        _save(exchanges, file, simulated)
    return len(exchanges)


def _save(exchanges: Sequence[Exchange], file: Path, simulated: bool) -> None:
    text = "".join(f"{line}\n" for line in write_lines(exchanges, simulated=simulated))
    file.write_text(text, encoding="ascii")
