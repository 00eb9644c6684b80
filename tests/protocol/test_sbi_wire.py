"""Answers as bytes: what is read, what is refused, and that nothing else than our errors comes."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.clock import FastClock, RealClock
from drivers.device import Call
from drivers.errors import (
    Cancelled,
    DeviceBusy,
    DeviceError,
    DeviceRefused,
    DeviceTimeout,
    Disconnected,
    ProtocolError,
    Untrusted,
)
from drivers.positions import Eye, Finger, Slap
from drivers.recorder import FlightRecorder
from drivers.sbi import link, stream
from drivers.sbi.answers import error_code, error_of
from drivers.sbi.checks import Expectation, verify_answer
from drivers.sbi.client import DeskPolicy, SbiClient
from drivers.sbi.discovery import Found, discover
from drivers.sbi.errors import (
    DeviceNotReady,
    ExtractionFailed,
    KeyInvalid,
    NothingDetected,
    OrientationWrong,
    PictureStopped,
    RequestRefused,
    ServerUnreachable,
    TamperDetected,
)
from drivers.sbi.jws import TrustStore
from drivers.sbi.link import exchange
from drivers.sbi.protocol import (
    PURPOSE,
    BioType,
    finger_target,
    iris_target,
    slap_target,
    utc_text,
)
from drivers.sbi.requests import CaptureOrder
from drivers.sbi.stream import read_frames
from drivers.sbi.trust import DigitalId, Identity, Trust
from drivers.sbi.versions import V095
from simulators.sbi_pki import SimulatedPki

CLOCK = RealClock()
JPEG = b"\xff\xd8 picture \r\n--BoundaryString\r\nContent-Length:3\r\n\r\n \xff\xd9"


@contextmanager
def answering(*chunks: bytes, reset: bool = False) -> Iterator[int]:
    """Serve one connection with these bytes, whatever was asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as connection:
                connection.recv(65536)
                for chunk in chunks:
                    connection.sendall(chunk)
                if not reset:
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(2.0)
                    try:
                        connection.recv(1)
                    except OSError:
                        return

        server = threading.Thread(target=serve)
        server.start()
        yield listener.getsockname()[1]
        server.join()


def call(timeout: float = 5.0) -> Call:
    return Call("slap", CLOCK, CLOCK.monotonic() + timeout)


def ask(port: int, limit: Call | None = None) -> object:
    return exchange(port, V095.info, {}, limit or call(), FlightRecorder(CLOCK))


def http(body: bytes, length: int | None = None, status: str = "200 OK") -> bytes:
    counted = b"" if length is None else b"Content-Length: %d\r\n" % length
    return b"HTTP/1.1 " + status.encode() + b"\r\n" + counted + b"Connection: close\r\n\r\n" + body


def test_stray_bytes_behind_the_body_are_left_alone() -> None:
    with answering(http(b"[1]\r\n\r\n", 3)) as port:
        assert ask(port) == [1]


def test_body_without_length_ends_with_the_connection() -> None:
    with answering(http(b"[1"), b", 2]") as port:
        assert ask(port) == [1, 2]


def test_chunked_body_is_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with answering(head + b"3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n") as port:
        assert ask(port) == [1, 2]


def test_connection_that_breaks_in_the_answer() -> None:
    with answering(http(b"[1", 300)) as port, pytest.raises(Disconnected):
        ask(port)


@pytest.mark.parametrize(
    "answer",
    [
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        http(b"[1", 2),
        http(b"", 0),
        http(b"\xff\xfe", 2),
        http(b"[" * 100_000, 100_000),
        http(b"[]", 2, "405 OK"),
        http(b"[]", 2, "500 Error"),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n[]",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n[]",
    ],
)
def test_answer_that_makes_no_sense(answer: bytes) -> None:
    with answering(answer) as port, pytest.raises(ProtocolError):
        ask(port)


def test_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MAX_ANSWER_BYTES", 1000)
    with answering(http(b" " * 2000)) as port, pytest.raises(ProtocolError, match="1000"):
        ask(port)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Disconnected):
        ask(port)


def test_silence_ends_with_the_deadline_and_with_cancel() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(DeviceTimeout):
            ask(silent.getsockname()[1], call(0.15))
        cancelled = call()
        cancelled.cancelled.set()
        with pytest.raises(Cancelled):
            ask(silent.getsockname()[1], cancelled)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=3), st.booleans())
def test_garbage_on_the_wire_is_a_device_error(chunks: list[bytes], with_head: bool) -> None:
    head = [b"HTTP/1.1 200 OK\r\n"] if with_head else []
    with answering(*head, *chunks, reset=True) as port:
        try:
            answer = ask(port)
        except DeviceError:
            return
    json.dumps(answer)


def frames(data: bytes) -> list[bytes]:
    return list(read_frames(io.BytesIO(data), "slap"))


def part(picture: bytes) -> bytes:
    head = b"--BoundaryString\r\nAccess-Control-Allow-Origin:*\r\nContent-Type:image/jpeg\r\n"
    return head + b"Content-Length:%d\r\n\r\n" % len(picture) + picture + b"\r\n\r\n"


TAIL = b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"errorCode":"0"}\r\n\r\n'


def test_frames_are_cut_by_length_only() -> None:
    assert frames(part(JPEG) * 3 + TAIL + part(JPEG)) == [JPEG] * 3


def test_damaged_frames_are_left_out() -> None:
    assert frames(part(b"no picture") + part(JPEG) + part(JPEG[:-1])) == [JPEG]


def test_stream_that_breaks_off_ends() -> None:
    assert frames(part(JPEG) + part(JPEG)[:-9]) == [JPEG]
    assert frames(part(JPEG) + b"--Bound") == [JPEG]
    assert frames(b"") == []


@pytest.mark.parametrize("length", [b"-1", b"x", b"99999999999", b"9000000", b""])
def test_impossible_length_is_refused(length: bytes) -> None:
    with pytest.raises(ProtocolError):
        frames(b"--B\r\nContent-Length:" + length + b"\r\n\r\n")


def test_head_without_length_is_refused() -> None:
    with pytest.raises(ProtocolError):
        frames(b"\r\n" * stream._MAX_HEAD_LINES + part(JPEG))


PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [part(JPEG), TAIL, b"\r\n\r\n", b"Content-Length:", b"12\r\n\r\n", b"--BoundaryString\r\n"]
    ),
)


@given(st.lists(PIECES, max_size=8).map(b"".join))
def test_garbage_in_the_stream_is_a_device_error(data: bytes) -> None:
    try:
        pictures = frames(data)
    except DeviceError:
        return
    assert all(p[:2] == b"\xff\xd8" and p[-2:] == b"\xff\xd9" for p in pictures)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("111", DeviceBusy),
        ("703", DeviceBusy),
        ("702", DeviceBusy),
        ("607", DeviceBusy),
        ("701", DeviceTimeout),
        ("609", DeviceTimeout),
        ("106", Disconnected),
        ("705", Disconnected),
        ("101", NothingDetected),
        ("102", ExtractionFailed),
        ("103", TamperDetected),
        ("105", OrientationWrong),
        ("107", KeyInvalid),
        ("100", KeyInvalid),
        ("104", ServerUnreachable),
        ("108", KeyInvalid),
        ("110", DeviceNotReady),
        ("112", RequestRefused),
        ("123", RequestRefused),
        ("700", PictureStopped),
        ("710", ExtractionFailed),
        ("512", DeviceRefused),
        ("0", ProtocolError),
        ("", ProtocolError),
        ("Budi Santoso", ProtocolError),
    ],
)
def test_error_codes_become_our_errors(code: str, error: type[DeviceError]) -> None:
    for refusal in ({"errorCode": code, "errorInfo": "Budi"}, {"error": {"errorCode": code}}):
        raised = error_of(refusal, "slap")
        assert type(raised) is error
        assert "Budi" not in str(raised)
        if isinstance(raised, DeviceRefused):
            assert raised.device_code == code
            assert not raised.retryable


def test_error_code_may_be_a_number() -> None:
    assert error_code({"error": {"errorCode": 701}}) == "701"
    assert error_code({"error": {"errorCode": None}}) == ""


def test_targets_follow_the_table() -> None:
    right = slap_target(Slap.RIGHT_FOUR, frozenset({Finger.RIGHT_RING, Finger.LEFT_RING}))
    assert (right.sub_id, right.exceptions) == ("2", (Finger.RIGHT_RING,))
    assert slap_target(Slap.LEFT_FOUR).sub_id == "1"
    assert slap_target(Slap.THUMBS).expected == (Finger.LEFT_THUMB, Finger.RIGHT_THUMB)
    assert finger_target(Finger.LEFT_THUMB).exceptions == (Finger.RIGHT_THUMB,)
    both = iris_target((Eye.RIGHT, Eye.LEFT))
    assert (both.sub_id, both.expected) == ("3", (Eye.LEFT, Eye.RIGHT))
    assert [iris_target((eye,)).sub_id for eye in (Eye.LEFT, Eye.RIGHT)] == ["1", "2"]
    for wrong in ((), (Eye.LEFT, Eye.LEFT)):
        with pytest.raises(ValueError, match="eyes"):
            iris_target(wrong)


NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PKI = SimulatedPki.create(NOW)
TRUST = Trust(TrustStore((PKI.device_root.certificate,)), TrustStore(()))
DIGITAL_ID = DigitalId("1", "make", "model", "Finger", "Slap")
IDENTITY = Identity(
    4501,
    V095,
    "2",
    "code",
    DIGITAL_ID,
    BioType.FINGER,
    "L0",
    "1",
    ("1", "2", "3"),
    "Ready",
    hashlib.sha256(PKI.device.certificate.public_bytes(Encoding.DER)).hexdigest(),
    NOW,
)
ORDER = CaptureOrder(
    V095, "2", finger_target(Finger.LEFT_THUMB), "Developer", "transaction", "", 40, 1000, NOW, {}
)
EXPECTED = Expectation("slap", IDENTITY, TRUST, ORDER, NOW, frozenset({"before"}))
GOOD: dict[str, Any] = {
    "digitalId": PKI.device.token(
        {
            "serialNo": "1",
            "make": "make",
            "model": "model",
            "type": "Finger",
            "deviceSubType": "Slap",
        }
    ),
    "deviceCode": "code",
    "bioType": "Finger",
    "bioSubType": "Left Thumb",
    "env": "Developer",
    "purpose": PURPOSE,
    "transactionId": "transaction",
    "timestamp": utc_text(NOW),
    "bioValue": "AAAA",
    "qualityScore": "61.0",
}
KEYS = (
    *("biometrics", "data", "hash", "specVersion", "error", "errorCode", "deviceInfo"),
    *("digitalId", "deviceId", "callbackId", "purpose", "serialNo", "type"),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["0", "Ready", "2026-11-23", "a.b.c", "http://127.0.0.1:4501/"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=12,
)


def signed(**changes: object) -> dict[str, object]:
    fields = {key: value for key, value in (GOOD | changes).items() if value != "absent"}
    item = {"specVersion": V095.name, "data": PKI.device.token(fields), "hash": "0" * 64}
    return {"biometrics": [item | {"error": {"errorCode": "0"}}]}


@given(JSON)
def test_any_json_is_a_device_error(answer: object) -> None:
    with pytest.raises(DeviceError):
        verify_answer(answer, EXPECTED)


@settings(max_examples=60)
@given(st.sampled_from(sorted(GOOD)), JSON)
def test_any_signed_value_is_a_device_error(key: str, value: object) -> None:
    """Signed nonsense is still nonsense; the untouched fields lead to the broken hash chain."""
    with pytest.raises(Untrusted):
        verify_answer(signed(**{key: value}), EXPECTED)


@pytest.mark.parametrize("key", sorted(GOOD))
def test_absent_field_is_untrusted(key: str) -> None:
    with pytest.raises(Untrusted):
        verify_answer(signed(**{key: "absent"}), EXPECTED)


@pytest.mark.parametrize(
    "stamp", ["2026-11-23T02:00:00", "2026-11-23", "0001-01-01T00:00:00+23:59", "yesterday"]
)
def test_time_without_zone_is_no_time(stamp: str) -> None:
    with pytest.raises(Untrusted) as caught:
        verify_answer(signed(timestamp=stamp), EXPECTED)
    assert caught.value.check == "timestamp"


@settings(max_examples=30, deadline=None)
@given(JSON)
def test_any_json_in_discovery_and_info_is_a_device_error(answer: object) -> None:
    body = json.dumps(answer).encode()
    recorder = FlightRecorder(CLOCK)
    with answering(http(body, len(body))) as port:
        try:
            found = discover(port, BioType.FINGER, call(), recorder, (V095,))
        except DeviceError:
            found = []
    assert all(device.purpose == PURPOSE for device in found)


@given(JSON)
def test_any_json_as_description_is_a_device_error(answer: object) -> None:
    seen = Found(4501, V095, "2", "", "", "http://127.0.0.1:4501/", DIGITAL_ID, ())
    recorder = FlightRecorder(FastClock())
    client = SbiClient(seen, DeskPolicy("Developer", TRUST), recorder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("drivers.sbi.client.exchange", lambda *_: answer)
        with pytest.raises(DeviceError):
            client.identify(call())
