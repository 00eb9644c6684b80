from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.clock import FastClock
from drivers.device import Call
from drivers.errors import (
    Cancelled,
    DeviceRefused,
    DeviceTimeout,
    Disconnected,
    ProtocolError,
    Unsupported,
)
from drivers.recorder import FlightRecorder
from drivers.serial.commands import (
    DOWN_CHAR,
    GEN_IMG,
    GET_ECHO,
    MATCH,
    OK_ONLY,
    READ_SYS_PARA,
    SET_ADDER,
    SET_PWD,
    TEMPLETE_NUM,
    UP_CHAR,
    UP_IMAGE,
    VFY_PWD,
    Command,
    Confirmation,
)
from drivers.serial.errors import ModuleLocked
from drivers.serial.link import R30xLink
from drivers.serial.packet import Packet, PacketKind
from drivers.serial.port import Port
from tests.protocol.expected_bytes import ScriptedPort, expected_bytes

VERIFY = bytes.fromhex("EF01FFFFFFFF01000713000000 00001B")
PARAMETERS = bytes.fromhex("EF01FFFFFFFF010003 0F0013")
LOOK = bytes.fromhex("EF01FFFFFFFF010003 010005")
UPLOAD = bytes.fromhex("EF01FFFFFFFF010003 0A000E")
COUNT = bytes.fromhex("EF01FFFFFFFF010003 1D0021")
TEMPLATE = bytes.fromhex("EF01FFFFFFFF010004 0801000E")
MATCHED = bytes.fromhex("EF01FFFFFFFF010003 030007")
ECHO = bytes.fromhex("EF01FFFFFFFF010003 530057")

OK = bytes.fromhex("EF01FFFFFFFF070003 00000A")
NOT_RECEIVED = bytes.fromhex("EF01FFFFFFFF070003 01000B")
NO_FINGER = bytes.fromhex("EF01FFFFFFFF070003 02000C")
DIFFERENT = bytes.fromhex("EF01FFFFFFFF070005 0800000014")
SETTINGS = bytes.fromhex("EF01FFFFFFFF070013 00 0000000900C80003FFFFFFFF00020006 04F2")
SEVEN_TEMPLATES = bytes.fromhex("EF01FFFFFFFF070005 0000070013")

CONTENT = bytes(range(256)) + b"last"


class Desk:
    """A link on a scripted port, in virtual time."""

    def __init__(self, port: Port, clock: FastClock) -> None:
        self.clock = clock
        self.recorder = FlightRecorder(clock)
        self.link = R30xLink(port, "desk", self.recorder)

    def call(self, timeout: float = 30.0) -> Call:
        return Call("desk", self.clock, self.clock.monotonic() + timeout)


def data_phase(*payloads: bytes) -> bytes:
    kinds = [PacketKind.DATA] * (len(payloads) - 1) + [PacketKind.LAST_DATA]
    return b"".join(
        Packet(kind, payload).encode() for kind, payload in zip(kinds, payloads, strict=True)
    )


def damaged(packet: bytes) -> bytes:
    return packet[:-1] + bytes([packet[-1] ^ 0xFF])


def acknowledge(code: int) -> bytes:
    return Packet(PacketKind.ACKNOWLEDGE, bytes([code])).encode()


def test_commands_and_answers_are_those_of_the_datasheet() -> None:
    clock = FastClock()
    parameters = "0000 0009 00C8 0003 FFFFFFFF 0002 0006"
    pairs = [
        (VERIFY, OK),
        (PARAMETERS, bytes.fromhex(f"EF01FFFFFFFF 07 0013 00 {parameters} 04F2")),
        (COUNT, SEVEN_TEMPLATES),
        (ECHO, acknowledge(0x55)),
        (LOOK, NO_FINGER),
    ]
    with expected_bytes(pairs, clock) as port:
        desk = Desk(port, clock)
        call = desk.call()
        assert desk.link.exchange(VFY_PWD, call, arguments=bytes(4)) == (Confirmation.OK, b"")
        assert desk.link.exchange(READ_SYS_PARA, call)[1] == bytes.fromhex(parameters)
        assert desk.link.exchange(TEMPLETE_NUM, call)[1] == b"\x00\x07"
        echo = frozenset({Confirmation.ECHO})
        assert desk.link.exchange(GET_ECHO, call, accept=echo)[0] is Confirmation.ECHO
        looking = OK_ONLY | {Confirmation.NO_FINGER}
        assert desk.link.exchange(GEN_IMG, call, accept=looking)[0] is Confirmation.NO_FINGER


def test_a_command_that_arrived_damaged_is_sent_again() -> None:
    clock = FastClock()
    with expected_bytes([(COUNT, NOT_RECEIVED), (COUNT, SEVEN_TEMPLATES)], clock) as port:
        desk = Desk(port, clock)
        assert desk.link.exchange(TEMPLETE_NUM, desk.call())[1] == b"\x00\x07"


def test_a_command_is_sent_twice_and_no_more() -> None:
    clock = FastClock()
    with expected_bytes([(COUNT, NOT_RECEIVED)] * 2, clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(ProtocolError, match="twice"):
            desk.link.exchange(TEMPLETE_NUM, desk.call())


@pytest.mark.parametrize("code", [0x02, 0x0F, 0x13, 0x18, 0x20, 0x21, 0x99])
def test_a_refusal_carries_the_code(code: int) -> None:
    clock = FastClock()
    with expected_bytes([(UPLOAD, acknowledge(code))], clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(DeviceRefused) as caught:
            desk.link.exchange(UP_IMAGE, desk.call())
        assert caught.value.device_code == f"{code:02X}"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(damaged(SEVEN_TEMPLATES), id="checksum"),
        pytest.param(OK, id="parameters missing"),
        pytest.param(
            Packet(PacketKind.ACKNOWLEDGE, bytes(3), address=1).encode(), id="another address"
        ),
        pytest.param(Packet(PacketKind.COMMAND, b"\x1d").encode(), id="a command comes back"),
    ],
)
def test_an_answer_that_cannot_be_right_is_an_error(answer: bytes) -> None:
    clock = FastClock()
    with expected_bytes([(COUNT, answer)], clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(ProtocolError):
            desk.link.exchange(TEMPLETE_NUM, desk.call())


@pytest.mark.parametrize("answer", [b"", b"\x55", SEVEN_TEMPLATES[:9], SEVEN_TEMPLATES[:-1]])
def test_silence_ends_at_the_deadline_of_the_command(answer: bytes) -> None:
    clock = FastClock()
    with expected_bytes([(COUNT, answer)], clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(DeviceTimeout, match="TempleteNum"):
            desk.link.exchange(TEMPLETE_NUM, desk.call())
        assert clock.monotonic() == pytest.approx(TEMPLETE_NUM.deadline, abs=0.11)


def test_the_deadline_of_the_call_is_kept_when_it_is_nearer() -> None:
    clock = FastClock()
    with expected_bytes([(LOOK, b"")], clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(DeviceTimeout):
            desk.link.exchange(GEN_IMG, desk.call(timeout=0.3))
        assert clock.monotonic() == pytest.approx(0.3, abs=0.11)


def test_cancellation_ends_the_wait() -> None:
    clock = FastClock()
    with expected_bytes([(LOOK, b"")], clock) as port:
        desk = Desk(port, clock)
        call = desk.call()
        call.cancelled.set()
        with pytest.raises(Cancelled):
            desk.link.exchange(GEN_IMG, call)
        assert clock.monotonic() == 0.0


def test_nothing_is_sent_after_a_timeout_until_the_line_is_silent() -> None:
    clock = FastClock()
    pairs = [(LOOK, b""), (PARAMETERS, SETTINGS), (COUNT, SEVEN_TEMPLATES)]
    port = ScriptedPort(pairs, clock)
    desk = Desk(port, clock)
    with pytest.raises(DeviceTimeout):
        desk.link.exchange(GEN_IMG, desk.call())
    port.receive(OK)
    before = clock.monotonic()
    assert desk.link.exchange(TEMPLETE_NUM, desk.call())[1] == b"\x00\x07"
    assert clock.monotonic() - before >= 0.2
    port.assert_used_up()


def test_a_late_answer_is_never_taken_for_the_answer_to_another_command() -> None:
    clock = FastClock()
    # the 00 of the forgotten Match comes in when the link already asks for something else
    pairs = [(MATCHED, b""), (PARAMETERS, OK + SETTINGS), (MATCHED, DIFFERENT)]
    with expected_bytes(pairs, clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(DeviceTimeout):
            desk.link.exchange(MATCH, desk.call())
        accept = OK_ONLY | {Confirmation.NO_MATCH}
        assert desk.link.exchange(MATCH, desk.call(), accept=accept)[0] is Confirmation.NO_MATCH


def test_the_question_that_brings_both_into_step_is_none_that_is_owed() -> None:
    clock = FastClock()
    pairs = [(PARAMETERS, b""), (COUNT, SETTINGS + SEVEN_TEMPLATES), (LOOK, NO_FINGER)]
    with expected_bytes(pairs, clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(DeviceTimeout):
            desk.link.exchange(READ_SYS_PARA, desk.call())
        looking = OK_ONLY | {Confirmation.NO_FINGER}
        assert desk.link.exchange(GEN_IMG, desk.call(), accept=looking)[0] is Confirmation.NO_FINGER


def test_an_answer_of_another_length_is_owed_the_right_one() -> None:
    clock = FastClock()
    pairs = [(COUNT, OK), (PARAMETERS, SEVEN_TEMPLATES + SETTINGS), (COUNT, SEVEN_TEMPLATES)]
    with expected_bytes(pairs, clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(ProtocolError, match="0 parameter bytes, expected 2"):
            desk.link.exchange(TEMPLETE_NUM, desk.call())
        assert desk.link.exchange(TEMPLETE_NUM, desk.call())[1] == b"\x00\x07"


def test_a_module_that_got_a_password_meanwhile_says_so() -> None:
    clock = FastClock()
    with expected_bytes([(LOOK, b""), (PARAMETERS, acknowledge(0x21))], clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(DeviceTimeout):
            desk.link.exchange(GEN_IMG, desk.call())
        with pytest.raises(ModuleLocked):
            desk.link.exchange(GEN_IMG, desk.call())


@pytest.mark.parametrize("command", [SET_PWD, SET_ADDER])
def test_what_makes_a_module_look_dead_is_never_sent(command: Command) -> None:
    clock = FastClock()
    with expected_bytes([], clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(Unsupported, match=command.name):
            desk.link.exchange(command, desk.call(), arguments=bytes(4))


def test_arguments_of_another_size_are_refused() -> None:
    clock = FastClock()
    with expected_bytes([], clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(ValueError, match="VfyPwd takes 4"):
            desk.link.exchange(VFY_PWD, desk.call(), arguments=bytes(3))


def test_a_repeated_acknowledge_before_the_data_is_no_data() -> None:
    clock = FastClock()
    reply = OK + OK + data_phase(CONTENT[:128], CONTENT[128:])
    with expected_bytes([(UPLOAD, reply)], clock) as port:
        desk = Desk(port, clock)
        assert desk.link.fetch(UP_IMAGE, desk.call(), size=260)[1] == CONTENT


def test_a_data_phase_of_unknown_size_ends_with_its_last_packet() -> None:
    clock = FastClock()
    reply = OK + data_phase(*[bytes(128)] * 6)
    with expected_bytes([(TEMPLATE, reply)], clock) as port:
        desk = Desk(port, clock)
        assert len(desk.link.fetch(UP_CHAR, desk.call(), arguments=b"\x01")[1]) == 768


def test_a_data_phase_that_never_ends_is_stopped() -> None:
    clock = FastClock()
    reply = OK + Packet(PacketKind.DATA, bytes(256)).encode() * 33
    with expected_bytes([(TEMPLATE, reply)] * 2, clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(ProtocolError, match="8448 bytes"):
            desk.link.fetch(UP_CHAR, desk.call(), arguments=b"\x01")
        port.read(1 << 16)


def test_delivered_data_are_cut_to_the_packets_of_the_module() -> None:
    clock = FastClock()
    command = Packet(PacketKind.COMMAND, b"\x09\x01").encode()
    packets = data_phase(CONTENT[:64], CONTENT[64:128], CONTENT[128:192], CONTENT[192:256], b"last")
    with expected_bytes([(command, OK), (packets, b"")], clock) as port:
        desk = Desk(port, clock)
        desk.link.deliver(DOWN_CHAR, desk.call(), CONTENT, 64, b"\x01")


def test_a_line_that_is_never_silent_ends_at_the_deadline() -> None:
    class Babbler(ScriptedPort):
        def read(self, size: int = 1, /) -> bytes:
            self.clock.wait(threading.Event(), 0.01)
            return b"\xaa"

    clock = FastClock()
    desk = Desk(Babbler([(LOOK, b"")], clock), clock)
    with pytest.raises(DeviceTimeout):
        desk.link.exchange(GEN_IMG, desk.call())
    with pytest.raises(DeviceTimeout):
        desk.link.exchange(TEMPLETE_NUM, desk.call(timeout=3.0))


def test_packets_of_an_abandoned_upload_are_no_answer() -> None:
    clock = FastClock()
    reply = data_phase(b"old", b"older") + SEVEN_TEMPLATES
    with expected_bytes([(COUNT, reply)], clock) as port:
        desk = Desk(port, clock)
        assert desk.link.exchange(TEMPLETE_NUM, desk.call())[1] == b"\x00\x07"


def test_a_data_phase_is_put_together() -> None:
    clock = FastClock()
    reply = OK + data_phase(CONTENT[:128], CONTENT[128:256], CONTENT[256:])
    with expected_bytes([(UPLOAD, reply)], clock) as port:
        desk = Desk(port, clock)
        assert desk.link.fetch(UP_IMAGE, desk.call(), size=260) == (Confirmation.OK, CONTENT)
        assert "sha256" in str(desk.recorder.dump()[-1])


BROKEN_DATA_PHASES = {
    "checksum": damaged(data_phase(CONTENT[:128])) + data_phase(CONTENT[128:]),
    "half": data_phase(CONTENT[:128]),
    "too much": data_phase(CONTENT[:256], CONTENT[:256]),
    "stalls": data_phase(CONTENT[:128], CONTENT[128:])[:200],
    "never begins": b"",
    "a byte is lost": (lambda wire: wire[:70] + wire[71:])(
        data_phase(CONTENT[:128], CONTENT[128:])
    ),
    "acknowledge inside": Packet(PacketKind.DATA, CONTENT[:128]).encode() + OK,
}


@pytest.mark.parametrize("broken", BROKEN_DATA_PHASES.values(), ids=BROKEN_DATA_PHASES.keys())
def test_a_broken_data_phase_repeats_the_command(broken: bytes) -> None:
    clock = FastClock()
    good = data_phase(CONTENT[:128], CONTENT[128:])
    with expected_bytes([(UPLOAD, OK + broken), (UPLOAD, OK + good)], clock) as port:
        desk = Desk(port, clock)
        assert desk.link.fetch(UP_IMAGE, desk.call(), size=260)[1] == CONTENT
        assert any("repeated" in entry.text for entry in desk.recorder.dump())


def test_a_data_phase_that_breaks_twice_is_an_error() -> None:
    clock = FastClock()
    half = OK + data_phase(CONTENT[:128])
    with expected_bytes([(UPLOAD, half)] * 2, clock) as port:
        desk = Desk(port, clock)
        with pytest.raises(ProtocolError, match="128 bytes, expected 260"):
            desk.link.fetch(UP_IMAGE, desk.call(), size=260)


def test_a_refused_upload_has_no_data_phase() -> None:
    clock = FastClock()
    accept = OK_ONLY | {Confirmation.NO_VALID_IMAGE}
    with expected_bytes([(UPLOAD, acknowledge(0x15))], clock) as port:
        desk = Desk(port, clock)
        answer = desk.link.fetch(UP_IMAGE, desk.call(), size=260, accept=accept)
        assert answer == (Confirmation.NO_VALID_IMAGE, b"")


def test_polling_leaves_room_in_the_flight_record() -> None:
    clock = FastClock()
    looking = OK_ONLY | {Confirmation.NO_FINGER}
    with expected_bytes([(LOOK, NO_FINGER)] * 20, clock) as port:
        desk = Desk(port, clock)
        for _ in range(20):
            desk.link.exchange(GEN_IMG, desk.call(), accept=looking)
    assert [entry.text for entry in desk.recorder.dump()] == ["GenImg: 02 no finger"]


@pytest.mark.parametrize("where", ["read", "write", "in_waiting"])
def test_a_port_that_is_gone_says_so(where: str) -> None:
    class Gone(ScriptedPort):
        @property
        def in_waiting(self) -> int:
            if where == "in_waiting":
                raise OSError(5, "Input/output error")
            return 0

        def read(self, size: int = 1, /) -> bytes:
            raise OSError(5, "Input/output error")

        def write(self, data: bytes, /) -> int:
            if where == "write":
                raise OSError(5, "Input/output error")
            return len(data)

    clock = FastClock()
    desk = Desk(Gone([], clock), clock)
    with pytest.raises(Disconnected):
        desk.link.exchange(GEN_IMG, desk.call())


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=300),
            st.binary(min_size=1, max_size=256).map(lambda p: data_phase(p)),
            st.sampled_from([OK, NOT_RECEIVED, NO_FINGER, SEVEN_TEMPLATES, damaged(OK)]),
        ),
        max_size=4,
    ).map(b"".join)
)
def test_whatever_the_module_says_is_an_answer_or_a_device_error(reply: bytes) -> None:
    clock = FastClock()
    desk = Desk(ScriptedPort([(UPLOAD, reply)] * 4, clock), clock)
    try:
        code, data = desk.link.fetch(UP_IMAGE, desk.call(), size=260)
    except (ProtocolError, DeviceTimeout, DeviceRefused):
        return
    assert code is Confirmation.OK
    assert len(data) == 260
