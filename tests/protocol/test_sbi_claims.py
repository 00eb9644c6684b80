"""Every field that an answer or a description claims is compared: one signed lie at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drivers.clock import FastClock
from drivers.device import Call
from drivers.errors import Untrusted
from drivers.positions import Finger, Slap
from drivers.recorder import FlightRecorder
from drivers.sbi.chain import START, next_hash
from drivers.sbi.checks import verify_answer
from drivers.sbi.client import DeskPolicy, SbiClient
from drivers.sbi.discovery import Found
from drivers.sbi.jws import encode_base64url
from drivers.sbi.protocol import PURPOSE, name_of, slap_target
from drivers.sbi.trust import Check, Identity, Trust
from drivers.sbi.versions import V095
from simulators.sbi_injection import FaultView
from simulators.sbi_pki import Signer
from simulators.sbi_records import record_of
from tests.protocol.sbi_rig import ridges
from tests.protocol.test_sbi_wire import DIGITAL_ID, EXPECTED, GOOD, IDENTITY, NOW, PKI, TRUST

Json = dict[str, Any]

THUMBS = (Finger.LEFT_THUMB, Finger.RIGHT_THUMB)
RECORDS = [record_of(finger, ridges(5.0 + finger), NOW, FaultView(())) for finger in THUMBS]
EXPECTED_THUMBS = replace(EXPECTED, order=replace(EXPECTED.order, target=slap_target(Slap.THUMBS)))
OTHER_DEVICE_ID = {
    "serialNo": "2",
    "make": "make",
    "model": "model",
    "type": "Finger",
    "deviceSubType": "Slap",
}


def named(value: object) -> str:
    """Name a case the same in every process; tokens hold keys that are new each time."""
    if not isinstance(value, dict):
        return str(value)
    return ",".join(
        f"{key}={str(told)[:24] if key != 'digitalId' else '..'}" for key, told in value.items()
    )


def answer(
    second: Json, signer: Signer = PKI.device, *, first: Json | None = None, **item: object
) -> Json:
    """Two thumbs with a right hash chain; `second` and `item` are what the second one claims."""
    items, last = [], START
    for finger, record in zip(THUMBS, RECORDS, strict=True):
        is_second = finger is THUMBS[-1]
        last = next_hash(last, record)
        fields = {
            **GOOD,
            "bioSubType": name_of(finger),
            "bioValue": encode_base64url(record),
            **(second if is_second else first or {}),
        }
        token = (signer if is_second else PKI.device).token(fields)
        told = {"specVersion": V095.name, "data": token, "hash": last, "error": {"errorCode": "0"}}
        items.append(told | (item if is_second else {}))
    return {"biometrics": items}


def refusal(told: Json) -> str:
    with pytest.raises(Untrusted) as caught:
        verify_answer(told, EXPECTED_THUMBS)
    return caught.value.check


def test_true_claims_are_accepted() -> None:
    verified = verify_answer(answer({}), EXPECTED_THUMBS)
    assert [sample.position for sample in verified.samples] == list(THUMBS)


@pytest.mark.parametrize(
    ("lie", "check"),
    [
        ({"deviceCode": "another"}, Check.DEVICE_IDENTITY),
        ({"deviceCode": ""}, Check.DEVICE_IDENTITY),
        ({"bioType": "Iris"}, Check.DEVICE_IDENTITY),
        ({"digitalId": PKI.device.token(OTHER_DEVICE_ID)}, Check.DEVICE_IDENTITY),
        ({"env": "Staging"}, Check.ENVIRONMENT),
        ({"purpose": "Auth"}, Check.PURPOSE),
        ({"transactionId": "before"}, Check.REPLAY),
        ({"transactionId": "another"}, Check.TRANSACTION),
        ({"timestamp": "2026-11-23T02:05:01Z"}, Check.TIMESTAMP),
        ({"timestamp": "2026-11-23T01:54:59Z"}, Check.TIMESTAMP),
        ({"bioSubType": name_of(Finger.LEFT_THUMB)}, Check.POSITIONS),
        ({"qualityScore": "-0.1"}, Check.SCORE),
        ({"qualityScore": -1}, Check.SCORE),
        ({"qualityScore": 100.1}, Check.SCORE),
        ({"qualityScore": "nan"}, Check.SCORE),
        ({"bioValue": encode_base64url(RECORDS[0])}, Check.HASH_CHAIN),
    ],
    ids=named,
)
def test_one_signed_lie(lie: Json, check: Check) -> None:
    assert refusal(answer(lie)) == check


@pytest.mark.parametrize("score", [0, 100, "0.0"])
def test_the_ends_of_the_score_are_scores(score: object) -> None:
    verified = verify_answer(answer({"qualityScore": score}), EXPECTED_THUMBS)
    assert verified.samples[1].scores[0].value == float(str(score))


def test_the_version_of_an_item_is_compared() -> None:
    assert refusal(answer({}, specVersion="1.0")) == Check.SPEC_VERSION


def test_items_of_one_answer_have_one_signer() -> None:
    """The neighbour is a device of the same root, and here names itself as the first one."""
    identity = PKI.neighbour.token(
        {
            "serialNo": DIGITAL_ID.serial,
            "make": DIGITAL_ID.make,
            "model": DIGITAL_ID.model,
            "type": DIGITAL_ID.bio_type,
            "deviceSubType": DIGITAL_ID.sub_type,
        }
    )
    assert refusal(answer({"digitalId": identity}, PKI.neighbour)) == Check.DEVICE_IDENTITY
    copied = answer({}, PKI.neighbour)  # its digitalId is that of the first device
    assert refusal(copied) == Check.DEVICE_IDENTITY


def test_items_of_one_level_1_answer_have_one_signer() -> None:
    """The chip signs who the device is; whoever signs the items must still be one device."""
    trust = Trust(TRUST.device, replace(TRUST.chip, anchors=(PKI.chip_root.certificate,)))
    identity = PKI.chip.token(OTHER_DEVICE_ID | {"serialNo": DIGITAL_ID.serial})
    expected = replace(EXPECTED_THUMBS, trust=trust, identity=replace(IDENTITY, level="L1"))
    both = {"digitalId": identity}
    assert len(verify_answer(answer(both, first=both), expected).samples) == 2
    with pytest.raises(Untrusted) as caught:
        verify_answer(answer(both, PKI.neighbour, first=both), expected)
    assert caught.value.check == Check.DEVICE_IDENTITY


DESCRIPTION: Json = {
    "deviceId": "2",
    "deviceCode": "code",
    "deviceStatus": "Ready",
    "certification": "L0",
    "serviceVersion": V095.name,
    "firmware": "1",
    "deviceSubId": ["1", "2", "3"],
    "callbackId": "http://127.0.0.1:4501/",
    "specVersion": [V095.name],
    "purpose": PURPOSE,
    "env": "Developer",
    "digitalId": GOOD["digitalId"],
}
FOUND = Found(4501, V095, "2", "Ready", PURPOSE, "http://127.0.0.1:4501/", DIGITAL_ID, (V095.name,))


def identify(
    monkeypatch: pytest.MonkeyPatch, claims: Json, signer: Signer = PKI.device
) -> Identity:
    """Ask a service that discovery found for what it signs; `claims` differ from the truth."""
    clock = FastClock()
    told = [{"deviceInfo": signer.token(DESCRIPTION | claims), "error": {"errorCode": "0"}}]
    monkeypatch.setattr("drivers.sbi.client.exchange", lambda *_: told)
    monkeypatch.setattr(clock, "utc_now", lambda: NOW)
    client = SbiClient(FOUND, DeskPolicy("Developer", TRUST), FlightRecorder(clock))
    return client.identify(Call("slap", clock, clock.monotonic() + 5.0))


def test_a_true_description_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert identify(monkeypatch, {}).digital_id == DIGITAL_ID


@pytest.mark.parametrize(
    ("lie", "check"),
    [
        ({"purpose": "Auth"}, Check.PURPOSE),
        ({"purpose": ""}, Check.PURPOSE),
        ({"env": "Staging"}, Check.ENVIRONMENT),
        ({"specVersion": ["0.9.2"]}, Check.SPEC_VERSION),
        ({"certification": "L9"}, Check.LEVEL),
        ({"callbackId": "http://127.0.0.1:4502/"}, Check.CALLBACK),
        ({"deviceCode": ""}, Check.DEVICE_IDENTITY),
        ({"digitalId": PKI.device.token(OTHER_DEVICE_ID)}, Check.DEVICE_IDENTITY),
        ({"digitalId": PKI.stranger.token(OTHER_DEVICE_ID)}, Check.CERTIFICATE),
    ],
    ids=named,
)
def test_one_lie_in_a_signed_description(
    monkeypatch: pytest.MonkeyPatch, lie: Json, check: Check
) -> None:
    """Discovery, which nobody signs, says what the desk wants to hear; the description does not."""
    with pytest.raises(Untrusted) as caught:
        identify(monkeypatch, lie)
    assert caught.value.check == check


def test_a_description_is_signed_by_the_device_that_it_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Untrusted) as caught:
        identify(monkeypatch, {}, PKI.neighbour)
    assert caught.value.check == Check.DEVICE_IDENTITY
