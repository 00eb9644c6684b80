"""The simulated service against the wire of the reference: refusals, knobs, heads and tails."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.clock import FastClock
from drivers.positions import Eye, Slap
from drivers.sbi.iso19794.face import FaceImageType, parse_face
from drivers.sbi.iso19794.images import decode_image
from drivers.sbi.jws import TrustStore, decode_base64, verify_token
from drivers.sbi.protocol import PORTS, Status, iris_target, slap_target
from drivers.sbi.requests import CaptureOrder
from drivers.sbi.versions import V095
from simulators.sbi import SbiServer
from simulators.sbi_faults import SbiFault
from tests.protocol.sbi_rig import SmallScene

VERBS = {
    "MOSIPDISC": "/device",
    "MOSIPDINFO": "/info",
    "RCAPTURE": "/capture",
    "STREAM": "/stream",
}


class Client:
    """Speaks to a service without believing or checking anything."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, verb: str, body: object, path: str | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5.0)
        try:
            connection.request(verb, path or VERBS[verb], json.dumps(body))
            answer = connection.getresponse()
            assert answer.status in (200, 405)
            return json.loads(answer.read())
        finally:
            connection.close()

    def capture_code(self, request: object) -> str:
        (item, *_) = self.ask("RCAPTURE", request)["biometrics"]
        return str(item["error"]["errorCode"])

    def raw(self, verb: str, body: bytes) -> bytes:
        """Return every byte until the service closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), 5.0) as connection:
            head = f"{verb} {VERBS[verb]} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
            return received


@pytest.fixture
def server() -> Iterator[SbiServer]:
    with SbiServer(SmallScene(), clock=FastClock(datetime.now(UTC))) as service:
        yield service


@pytest.fixture
def client(server: SbiServer) -> Client:
    return Client(server.port)


def request(**changes: object) -> dict[str, Any]:
    """Return a good request for the right slap; `changes` go to the outside or into `bio`."""
    told: dict[str, Any] = CaptureOrder(
        V095,
        "2",
        slap_target(Slap.RIGHT_FOUR),
        "Developer",
        "a-transaction",
        "",
        40,
        1000,
        datetime.now(UTC),
        {},
    ).request()
    for key, value in changes.items():
        (told["bio"][0] if key in told["bio"][0] else told)[key] = value
    return told


def test_good_request_is_answered(client: Client) -> None:
    assert client.capture_code(request()) == "0"


LADDER: list[tuple[str, dict[str, object]]] = [
    ("123", {"timeout": 1000}),
    ("115", {"env": "Test"}),
    ("121", {"purpose": "Fun"}),
    ("704", {"deviceId": " "}),
    ("114", {"type": "Palm"}),
    ("705", {"deviceId": "9"}),
    ("120", {"type": "Iris"}),
    ("706", {"purpose": "Auth"}),
    ("112", {"transactionId": "no spaces"}),
    ("122", {"exception": ["Left"]}),
    ("109", {"count": "3"}),
]


@pytest.mark.parametrize(("code", "wrong"), LADDER)
def test_refusal(client: Client, code: str, wrong: dict[str, object]) -> None:
    assert client.capture_code(request(**wrong)) == code


@pytest.mark.parametrize("rung", range(len(LADDER) - 1))
def test_earlier_refusal_wins(client: Client, rung: int) -> None:
    code, wrong = LADDER[rung]
    for _, later in LADDER[rung + 1 :]:
        assert client.capture_code(request(**(later | wrong))) == code


@pytest.mark.parametrize(
    ("status", "code"),
    [(Status.NOT_REGISTERED, "100"), (Status.NOT_READY, "110"), (Status.BUSY, "703")],
)
def test_status_is_looked_at_between_device_and_counts(
    server: SbiServer, client: Client, status: Status, code: str
) -> None:
    server.service.devices["2"].assigned = status
    assert client.capture_code(request()) == code
    assert client.capture_code(request(purpose="Auth")) == "706"
    early = "109" if status is Status.BUSY else code
    assert client.capture_code(request(count="3")) == early


@pytest.mark.parametrize(
    "wrong",
    [
        {"transactionId": None},
        {"specVersion": ""},
        {"previousHash": None},
        {"previousHash": "abc"},
        {"bio": []},
        {"bio": None},
        {"exception": "Left"},
        {"timeout": "soon"},
        {"count": 4},
    ],
)
def test_malformed_request(client: Client, wrong: dict[str, object]) -> None:
    (item,) = client.ask("RCAPTURE", request(**wrong))["biometrics"]
    assert item["error"] == {"errorCode": "123", "errorInfo": "No Description available."}
    assert item["specVersion"] == item["data"] == item["hash"] == ""
    assert item["sessionKey"] == item["thumbprint"] == ""


def test_body_that_is_no_json(client: Client) -> None:
    assert b'"errorCode": "123"' in client.raw("RCAPTURE", b"{")


def test_score_that_is_no_integer_leaves_the_device_busy(client: Client) -> None:
    assert client.capture_code(request(requestedScore="40.0")) == "710"
    assert client.capture_code(request()) == "703"


def test_iris_counts(client: Client) -> None:
    told = request(type="Iris", deviceId="1", deviceSubId="1", count="1")
    assert client.capture_code(told) == "0"
    told["bio"][0]["exception"] = ["Left"]
    assert client.capture_code(told) == "109"
    told["bio"][0] |= {"deviceSubId": "3", "exception": ["Left"]}
    (item,) = client.ask("RCAPTURE", told)["biometrics"]
    assert payload(item)["bioSubType"] == "Right"
    assert iris_target((Eye.RIGHT,)).sub_id == "2"


def payload(item: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(decode_base64(item["data"].split(".")[1]))
    return fields


@pytest.mark.parametrize(
    ("exceptions", "kind", "shape"),
    [
        ([], FaceImageType.FULL_FRONTAL, (72, 128, 3)),
        (["Left Thumb"], FaceImageType.BASIC, (400, 600, 3)),
    ],
)
def test_face_is_one_item_without_sub_type(
    client: Client, exceptions: list[str], kind: FaceImageType, shape: tuple[int, ...]
) -> None:
    told = request(type="Face", deviceId="3", deviceSubId="0", count="1", exception=exceptions)
    (item,) = client.ask("RCAPTURE", told)["biometrics"]
    fields = payload(item)
    assert "bioSubType" not in fields
    record = parse_face(decode_base64(fields["bioValue"]))
    assert record.image_type is kind
    assert decode_image(record).shape == shape


def test_delay_longer_than_the_timeout(client: Client) -> None:
    knob = {"type": "Finger", "delay": "1000", "method": ["RCAPTURE"]}
    assert client.ask("POST", knob, "/admin/delay")["errorCode"] == "0"
    assert client.capture_code(request()) == "701"
    assert client.ask("POST", {"type": "Iris", "delay": "0"}, "/admin/delay")["errorCode"] == "0"
    assert client.capture_code(request()) == "0"


def test_score_knob_and_its_reset(client: Client) -> None:
    client.ask("POST", {"type": "Finger", "qualityScore": "90"}, "/admin/score")
    (item, *_) = client.ask("RCAPTURE", request())["biometrics"]
    assert payload(item)["qualityScore"] == "90.0"
    assert payload(item)["requestedScore"] == "40.0"
    client.ask("POST", {"type": "Iris", "qualityScore": "90"}, "/admin/score")
    (item, *_) = client.ask("RCAPTURE", request())["biometrics"]
    assert payload(item)["qualityScore"] != "90.0"


def test_status_knob_and_its_reset(server: SbiServer, client: Client) -> None:
    client.ask("POST", {"type": "Finger", "deviceStatus": "Not Ready"}, "/admin/status")
    assert client.capture_code(request()) == "110"
    client.ask("POST", {"type": "Iris", "deviceStatus": "Busy"}, "/admin/status")
    assert client.capture_code(request()) == "0"
    for verb, body in (("MOSIPDISC", {"type": "Iris"}), ("MOSIPDINFO", {})):
        assert client.ask(verb, body)[-1]["error"]["errorCode"] == "111"
    assert client.ask("STREAM", {"deviceId": "1", "deviceSubId": "3"})["errorCode"] == "111"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/admin/status", {"type": "Finger", "deviceStatus": "Asleep"}, "504"),
        ("/admin/status", {"type": "Nose", "deviceStatus": "Ready"}, "502"),
        ("/admin/score", {"type": "Finger", "qualityScore": "101"}, "505"),
        ("/admin/score", {"type": "Finger"}, "505"),
        ("/admin/delay", {"type": "Finger", "delay": "-1"}, "506"),
        ("/admin/delay", {"type": "Finger", "delay": "1", "method": ["GET"]}, "507"),
        ("/admin/profile", {"type": "Finger", "profileId": "Default"}, "0"),
        ("/admin/profile", {"type": "Finger", "profileId": "Budi"}, "551"),
        ("/admin/nothing", {}, "500"),
        ("/admin/status", [], "502"),
    ],
)
def test_knobs_are_checked(client: Client, path: str, body: object, code: str) -> None:
    assert client.ask("POST", body, path)["errorCode"] == code


def test_discovery_lists_three_devices_in_order(client: Client) -> None:
    devices = client.ask("MOSIPDISC", {"type": "Biometric Device"})
    assert [device["deviceId"] for device in devices] == ["2", "3", "1"]
    assert {device["callbackId"] for device in devices} == {f"http://127.0.0.1:{client.port}/"}
    identity = json.loads(decode_base64(devices[0]["digitalId"]))
    assert identity["deviceSubType"] == "Slap"
    assert client.ask("MOSIPDISC", {"type": "Nose"})[0]["error"]["errorCode"] == "502"


def test_info_is_signed_by_the_device_key(server: SbiServer, client: Client) -> None:
    trust = TrustStore((server.pki.device_root.certificate,))
    for item in client.ask("MOSIPDINFO", {}):
        token = verify_token(item["deviceInfo"], trust, datetime.now(UTC))
        assert token.payload["env"] == "Developer"


def test_unregistered_device_describes_itself_unsigned(server: SbiServer, client: Client) -> None:
    server.service.devices["2"].assigned = Status.NOT_REGISTERED
    (item, *_) = client.ask("MOSIPDINFO", {})
    assert item["error"]["errorCode"] == "100"
    assert json.loads(decode_base64(item["deviceInfo"]))["deviceId"] == ""


def test_answer_ends_with_four_stray_bytes(client: Client) -> None:
    head, _, body = client.raw("MOSIPDINFO", b"{}").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in head
    assert f"LOCATION: HTTP://127.0.0.1:{client.port}/".encode() in head
    length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    assert body[length:] == b"\r\n\r\n"


def test_unknown_verb_and_address(client: Client) -> None:
    assert client.ask("SBIDISC", {}, "/device")["errorCode"] == "500"
    assert client.ask("MOSIPDISC", {}, "/elsewhere")["errorCode"] == "500"


def test_stream_head_frames_and_tail(server: SbiServer, client: Client) -> None:
    body = json.dumps({"deviceId": "2", "deviceSubId": "2", "timeout": "60"}).encode()
    data = client.raw("STREAM", body)
    assert data.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"boundary=--BoundaryString\r\n" in data
    assert data.count(b"--BoundaryString\r\nAccess-Control-Allow-Origin:*\r\n") == 2
    tail = data[data.index(b"HTTP/1.1 200 OK") :]
    assert json.loads(tail.split(b"\r\n\r\n")[1])["errorCode"] == "609"
    assert server.service.devices["2"].status is Status.READY


@pytest.mark.parametrize(
    ("body", "code"),
    [({}, "604"), ({"deviceId": "9"}, "605"), ([], "604")],
)
def test_stream_refusals(client: Client, body: object, code: str) -> None:
    assert client.ask("STREAM", body)["errorCode"] == code


def test_authentication_service_refuses_registration() -> None:
    with SbiServer(SmallScene(), purpose="Auth") as server:
        client = Client(server.port)
        assert client.capture_code({}) == "709"
        assert client.ask("STREAM", {})["errorCode"] == "601"
        devices = client.ask("MOSIPDISC", {"type": "Biometric Device"})
        assert [device["deviceId"] for device in devices] == ["4", "5"]


def test_service_without_devices(server: SbiServer, client: Client) -> None:
    server.faults.inject(SbiFault.UNPLUG)
    assert client.ask("MOSIPDISC", {"type": "Finger"}) == []
    assert client.ask("MOSIPDINFO", {}) == []
    assert client.capture_code(request()) == "705"


def test_two_services_take_two_ports(server: SbiServer) -> None:
    with SbiServer(SmallScene()) as other:
        assert other.port != server.port
        assert {other.port, server.port} <= set(PORTS)


def test_restart_uses_the_same_port(server: SbiServer) -> None:
    port = server.port
    server.stop()
    server.stop()
    server.start()
    server.start()
    assert server.port == port


def test_roots_are_written_as_pem(server: SbiServer, tmp_path: Path) -> None:
    (root,) = server.pki.write(tmp_path / "keys")
    assert TrustStore.load((root,)).anchors == (server.pki.device_root.certificate,)
