"""What is not believed of a finger module: a missing echo, and the first answer of a slow one."""

from __future__ import annotations

import threading

import pytest

from drivers.clock import FastClock
from drivers.device import Call
from drivers.errors import DeviceRefused
from drivers.recorder import FlightRecorder
from drivers.serial.commands import EMPTY
from drivers.serial.link import R30xLink
from drivers.serial.module import R30xCommands
from drivers.serial.opening import PROBED_BAUDS, detect_baud
from drivers.serial.packet import PacketDecoder, PacketKind
from drivers.serial.r30x import R30xScanner
from drivers.serial.settings import R30xSettings
from tests.protocol.expected_bytes import expected_bytes
from tests.protocol.test_r30x_link import (
    COUNT,
    ECHO,
    NOT_RECEIVED,
    OK,
    PARAMETERS,
    SETTINGS,
    SEVEN_TEMPLATES,
    VERIFY,
    acknowledge,
)

REFUSED = acknowledge(0x11)


@pytest.mark.parametrize(
    ("answer", "passed", "told"),
    [(acknowledge(0x55), True, "55"), (NOT_RECEIVED, False, "none")],
    ids=["echo", "none"],
)
async def test_a_module_without_an_echo_fails_its_self_test(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, passed: bool, told: str
) -> None:
    clock = FastClock()
    pairs = [
        (VERIFY, OK),
        (PARAMETERS, SETTINGS),
        (ECHO, answer),
        (PARAMETERS, SETTINGS),
        (COUNT, SEVEN_TEMPLATES),
    ]
    with expected_bytes(pairs, clock) as port:
        monkeypatch.setattr("drivers.serial.r30x.open_port", lambda *_: port)
        async with R30xScanner("desk", R30xSettings(port="/dev/null"), clock=clock) as device:
            result = await device.self_test()
    assert result.passed is passed
    assert result.facts["echo"] == told
    assert result.facts["templates"] == 7


class LatePort:
    """A module whose answers come later than a probe waits, each one in its turn."""

    late_s = 0.4

    def __init__(self, clock: FastClock, answers: dict[int, bytes]) -> None:
        self.clock = clock
        self.baudrate = PROBED_BAUDS[0]
        self.commands: list[int] = []
        self._answers = answers
        self._coming: list[tuple[float, bytes]] = []
        self._heard = PacketDecoder()

    @property
    def in_waiting(self) -> int:
        return sum(len(answer) for due, answer in self._coming if due <= self.clock.monotonic())

    @property
    def out_waiting(self) -> int:
        return 0

    def read(self, size: int = 1, /) -> bytes:
        if not self.in_waiting:
            self.clock.wait(threading.Event(), 0.02)
        if not self.in_waiting:
            return b""
        due, answer = self._coming.pop(0)
        if len(answer) > size:
            self._coming.insert(0, (due, answer[size:]))
        return answer[:size]

    def write(self, data: bytes, /) -> int:
        self._heard.feed(data)
        while (packet := self._heard.take()) is not None:
            assert packet.kind is PacketKind.COMMAND
            self.commands.append(packet.payload[0])
            answer = self._answers[packet.payload[0]]
            self._coming.append((self.clock.monotonic() + self.late_s, answer))
        return len(data)

    def reset_input_buffer(self) -> None:
        now = self.clock.monotonic()
        self._coming = [(due, answer) for due, answer in self._coming if due > now]

    def close(self) -> None:
        """Nothing to release."""


def test_the_late_answer_to_a_probe_is_not_taken_for_another_command() -> None:
    """The second question gets the first answer; what is asked next must not get the second."""
    clock = FastClock()
    answers = {0x13: OK, 0x0F: SETTINGS, EMPTY.code: REFUSED}
    port = LatePort(clock, answers)
    commands = R30xCommands(R30xLink(port, "desk", FlightRecorder(clock)))
    call = Call("desk", clock, 30.0)
    assert detect_baud(commands, 0, call) == PROBED_BAUDS[0]
    assert port.commands == [0x13, 0x13]
    with pytest.raises(DeviceRefused) as caught:
        commands.link.exchange(EMPTY, call)
    assert caught.value.device_code == "11", "the library was not emptied"


def test_the_answer_to_the_first_question_needs_no_second_look() -> None:
    clock = FastClock()
    with expected_bytes([(VERIFY, OK), (COUNT, SEVEN_TEMPLATES)], clock) as port:
        commands = R30xCommands(R30xLink(port, "desk", FlightRecorder(clock)))
        call = Call("desk", clock, 30.0)
        detect_baud(commands, 0, call)
        assert commands.count(call) == 7
