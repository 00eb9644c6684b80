"""Damaged bytes of an SBI service: JSON, tokens, records, live picture and HTTP."""

from __future__ import annotations

import functools
import io
import json
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from drivers.clock import FastClock, RealClock
from drivers.device import Call
from drivers.errors import DeviceBusy, DeviceError, DeviceTimeout, ProtocolError
from drivers.positions import Eye, Finger, Slap
from drivers.recorder import FlightRecorder
from drivers.sbi import checks, client, discovery, errors, link
from drivers.sbi.checks import Expectation, verify_received
from drivers.sbi.client import DeskPolicy, SbiClient
from drivers.sbi.discovery import Found
from drivers.sbi.iso19794.face import FaceRecord, parse_face
from drivers.sbi.iso19794.fields import RecordMalformed
from drivers.sbi.iso19794.finger import FingerRecord, parse_finger
from drivers.sbi.iso19794.iris import IrisRecord, parse_iris
from drivers.sbi.jws import (
    BadToken,
    Token,
    TrustStore,
    decode_base64,
    encode_base64url,
    parse_object,
    verify_token,
)
from drivers.sbi.link import PolledSocket, exchange_raw, parse_json
from drivers.sbi.protocol import BioType, Position, slap_target
from drivers.sbi.requests import CaptureOrder
from drivers.sbi.samples import sample_of
from drivers.sbi.stream import read_frames
from drivers.sbi.trust import Check, CheckFailed, Trust
from drivers.sbi.versions import V095, V10, Version
from drivers.values import Sample
from simulators.sbi import SbiServer
from simulators.sbi_injection import FaultView
from simulators.sbi_records import preview_jpeg, record_of
from tests.fuzz.harness import fuzz, share, survive
from tests.fuzz.sbi_nonsense import EARLIER, SIGNER, Nonsense, payload_of, token
from tests.protocol.sbi_rig import SmallScene, ridges

NOW = datetime.now(UTC)
CLOCK = RealClock()
NO_FAULTS = FaultView(())
PORT = 4501


def call() -> Call:
    return Call("slap", CLOCK, CLOCK.monotonic() + 5.0)


@dataclass(frozen=True)
class Recorded:
    """What one service says in one version: answers as bytes, and what they answer."""

    version: Version
    discovered: bytes
    described: bytes
    captured: bytes
    found: Found
    expected: Expectation


@functools.cache
def recorded(version: Version) -> Recorded:
    server = SbiServer(SmallScene(), versions=(version,), serials="FUZZ")
    service = server.service
    request: dict[str, object] = {"type": "Finger"}
    discovered = service.discover(request, PORT, version)
    described = service.info(PORT, version)
    roots = TrustStore((server.pki.device_root.certificate,))
    trust = Trust(roots, TrustStore(()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discovery, "exchange", lambda *_: discovered)
        patch.setattr(client, "exchange", lambda *_: described)
        (found,) = discovery.discover(
            PORT, BioType.FINGER, call(), FlightRecorder(CLOCK), (version,)
        )
        identity = talker(found, trust).identify(call())
    target, now = slap_target(Slap.RIGHT_FOUR), datetime.now(UTC)
    order = CaptureOrder(
        version, identity.key, target, "Developer", "transaction", "", 40, 1000, now, {}
    )
    answer = service.capture(order.request())
    return Recorded(
        version,
        json.dumps(discovered).encode(),
        json.dumps(described).encode(),
        json.dumps(answer).encode(),
        found,
        Expectation("slap", identity, trust, order, now),
    )


def talker(found: Found, trust: Trust) -> SbiClient:
    return SbiClient(found, DeskPolicy("Developer", trust), FlightRecorder(FastClock()))


class CredulousTrust(Trust):
    """Believes every signature, so that nonsense inside a token is reached; the header signs."""

    def verify(self, token: str, now: datetime) -> Token:
        try:
            header, payload, _ = token.split(".")
            text = decode_base64(payload).decode()
            return Token(parse_object(text), text, header, NOW, token)
        except ValueError as error:
            raise CheckFailed(Check.SIGNATURE) from error

    def verify_identity(self, token: str, level: str, now: datetime) -> Token:
        return self.verify(token, now)


def credulous(told: Recorded) -> Expectation:
    """Expect what `told` answers to, of a device whose key is that of `token`."""
    trust = CredulousTrust(told.expected.trust.device, told.expected.trust.chip)
    identity = replace(told.expected.identity, signer_sha256=SIGNER)
    return replace(told.expected, trust=trust, identity=identity, earlier=frozenset({EARLIER}))


def resigned(answer: bytes) -> bytes:
    """Let `SIGNER` have signed everything in a good answer."""
    items = json.loads(answer)["biometrics"]
    for item in items:
        fields = payload_of(item["data"])
        fields["digitalId"] = token(payload_of(fields["digitalId"]))
        item["data"] = token(fields)
    return json.dumps({"biometrics": items}).encode()


BOTH = pytest.mark.parametrize("version", [V095, V10], ids=lambda version: version.name)


@BOTH
def test_discovery(version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = FlightRecorder(FastClock())

    def parse(data: bytes) -> object:
        monkeypatch.setattr(discovery, "exchange", lambda *_: parse_json(data, "slap"))
        return discovery.discover(PORT, BioType.FINGER, call(), recorder, (version,))

    assert fuzz(parse, [recorded(version).discovered], (DeviceError,)) > 0


@BOTH
def test_descriptions(version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    told = recorded(version)
    believing = talker(told.found, told.expected.trust)

    def parse(data: bytes) -> object:
        monkeypatch.setattr(client, "exchange", lambda *_: parse_json(data, "slap"))
        return believing.identify(call())

    fuzz(parse, [told.described], (DeviceError,), cases=share(2))


@BOTH
def test_captures(version: Version) -> None:
    told = recorded(version)
    assert len(verify_received(told.captured, told.expected).samples) == 4

    def parse(data: bytes) -> object:
        return verify_received(data, told.expected)

    fuzz(parse, [told.captured], (DeviceError,), cases=share(2))


@BOTH
def test_signed_bytes(version: Version) -> None:
    """The first item is damaged inside its envelope, in its JSON text."""
    told = recorded(version)
    expected = credulous(told)
    items: list[dict[str, Any]] = json.loads(resigned(told.captured))["biometrics"]
    payloads = [decode_base64(item["data"].split(".")[1]) for item in items]

    def parse(data: bytes) -> object:
        first = items[0] | {"data": f"{SIGNER}.{encode_base64url(data)}.e30"}
        return verify_received(json.dumps({"biometrics": [first, *items[1:]]}).encode(), expected)

    fuzz(parse, payloads, (DeviceError,), cases=share(10))


REFUSED = (
    *(errors.SignatureWrong, errors.ForeignDevice, errors.OtherVersion, errors.OtherEnvironment),
    *(errors.OtherPurpose, errors.OtherTransaction, errors.Replayed, errors.ClocksDiffer),
    *(errors.PositionsWrong, errors.HashChainBroken, errors.ScoreImpossible, errors.RecordBroken),
    *(errors.RecordMislabelled, errors.ImageLossy, errors.ResolutionWrong, errors.ImageWrong),
    *(errors.NothingDetected, DeviceBusy, DeviceTimeout, ProtocolError),
)
"""What signed nonsense can be refused with: all but what only certificates and discovery can."""


@BOTH
def test_signed_nonsense(version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right JSON with wrong contents, as a device with a bug would sign it, reaches every check."""
    told = recorded(version)
    expected = credulous(told)
    answer = resigned(told.captured)
    good = {
        sample.record.data for sample in verify_received(answer, expected).samples if sample.record
    }
    assert len(good) == 4
    reached: list[bytes] = []
    refused: Counter[type[Exception]] = Counter()

    def counting(position: Position | None, record: bytes, *rest: Any) -> Sample:
        if record not in good:
            reached.append(b"")
        return sample_of(position, record, *rest)

    def parse(data: bytes) -> None:
        try:
            verified = verify_received(data, expected)
        except DeviceError as error:
            refused[type(error)] += 1
            raise
        assert len(verified.samples) == 4

    monkeypatch.setattr(checks, "sample_of", counting)
    cases = share(4)
    assert survive(parse, Nonsense(answer, seed=1).cases(cases), (DeviceError,)) > 0
    print(version.name, len(reached), {kind.__name__: count for kind, count in refused.items()})
    assert set(REFUSED) <= refused.keys(), set(REFUSED) - refused.keys()
    assert len(reached) > cases // 10


def test_tokens() -> None:
    told = recorded(V095)
    trust = told.expected.trust.device
    token = json.loads(told.captured)["biometrics"][0]["data"].encode()
    short = json.loads(told.described)[0]["deviceInfo"].encode()

    def parse(data: bytes) -> object:
        return verify_token(data.decode("latin-1"), trust, NOW)

    assert fuzz(parse, [token, short], (BadToken,)) >= 0


@pytest.mark.parametrize(
    ("parse", "position"),
    [(parse_finger, Finger.LEFT_RING), (parse_iris, Eye.LEFT), (parse_face, None)],
    ids=["finger", "iris", "face"],
)
def test_records(parse: Callable[[bytes], object], position: Position | None) -> None:
    examples = [example(position, shape) for shape in ((32, 40), (48, 36))]
    assert fuzz(parse, examples, (RecordMalformed,)) > 0


@pytest.mark.parametrize("kind", ["finger", "iris", "face"])
def test_images_inside_good_records(kind: str) -> None:
    """The native decoder gets damaged images; what it makes of them has the announced size."""
    height, width = shape = (32, 40)
    makers: dict[str, tuple[Position | None, Callable[[bytes], bytes]]] = {
        "finger": (Finger.LEFT_RING, lambda data: FingerRecord(9, width, height, data).to_bytes()),
        "iris": (Eye.LEFT, lambda data: IrisRecord(2, width, height, data).to_bytes()),
        "face": (None, lambda data: FaceRecord(width, height, data).to_bytes()),
    }
    position, make = makers[kind]
    parsers: dict[str, Callable[[bytes], FingerRecord | IrisRecord | FaceRecord]] = {
        "finger": parse_finger,
        "iris": parse_iris,
        "face": parse_face,
    }
    parsed = parsers[kind](example(position, shape))

    def parse(data: bytes) -> None:
        sample = sample_of(position, make(data), ())
        assert sample.image.shape[:2] == shape

    assert fuzz(parse, [parsed.image], (CheckFailed,), cases=share(2)) > 0


def example(position: Position | None, shape: tuple[int, int]) -> bytes:
    image = ridges(8.0, shape)
    if position is None:
        image = np.repeat(image[:, :, None], 3, axis=2)
    return record_of(position, image, NOW, NO_FAULTS)


def test_live_picture() -> None:
    picture = preview_jpeg(ridges(8.0, (16, 16)))
    head = b"--BoundaryString\r\nContent-Type:image/jpeg\r\nContent-Length:%d\r\n\r\n"
    part = head % len(picture) + picture + b"\r\n\r\n"
    tail = b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"errorCode":"0"}'

    def parse(data: bytes) -> object:
        return list(read_frames(io.BytesIO(data), "slap"))

    assert fuzz(parse, [part, part * 3, part * 2 + tail, tail], (DeviceError,)) > 0


def test_http(monkeypatch: pytest.MonkeyPatch) -> None:
    body = recorded(V095).discovered
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2]\r\n0\r\n\r\n"
    recorder = FlightRecorder(CLOCK)

    def parse(data: bytes) -> object:
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.sendall(data)
            theirs.shutdown(socket.SHUT_WR)
            monkeypatch.setattr(link, "connect", lambda port, limit: PolledSocket(ours, limit))
            return exchange_raw(PORT, V095.discover, {}, call(), recorder)

    examples = [head % len(body) + body + b"\r\n\r\n", head.replace(b"%d", b"99") + body, chunked]
    assert fuzz(parse, examples, (DeviceError,)) > 0
