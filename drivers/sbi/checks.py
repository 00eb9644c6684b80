"""Verification of a capture answer; either all of it holds or nothing of it is kept.

Source: the checks that SBI asks of a client and that the reference clients mostly skip: signature
and chain, device identity, echoed fields, time, the exact list of fingers or eyes, hash chain,
score range, and records that are what their label says.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from drivers.errors import ProtocolError
from drivers.sbi.answers import JsonObject, error_code, error_of, objects, text
from drivers.sbi.chain import START, next_hash
from drivers.sbi.codes import SUCCESS
from drivers.sbi.evidence import keep_payload
from drivers.sbi.jws import Token, decode_base64
from drivers.sbi.link import parse_json
from drivers.sbi.protocol import PURPOSE, Target, name_of
from drivers.sbi.requests import CaptureOrder
from drivers.sbi.samples import sample_of
from drivers.sbi.trust import Check, CheckFailed, DigitalId, Identity, Trust
from drivers.sbi.versions import Version
from drivers.values import Attestation, Sample, Score

MAX_CLOCK_DIFFERENCE_S: Final = 300.0
DEVICE_QUALITY: Final = "device quality"

_DECODERS: Final = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the answer to one request has to say.

    `earlier` are transaction numbers of this program's former requests: an answer that carries one
    of them is a replay.
    """

    device: str
    identity: Identity
    trust: Trust
    order: CaptureOrder
    now: datetime
    earlier: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class VerifiedAnswer:
    """Samples in the order of the interface, the proof that came with them, and whose they are."""

    samples: tuple[Sample, ...]
    attestation: Attestation
    identity: Identity


def verify_received(content: bytes, expected: Expectation) -> VerifiedAnswer:
    """Check an RCAPTURE answer as it came off the wire; see `verify_answer`.

    This is all of the work between the last received byte and the samples: JSON, signatures,
    hash chain, records and decoding of the images.
    """
    return verify_answer(parse_json(content, expected.device), expected)


def verify_answer(answer: object, expected: Expectation) -> VerifiedAnswer:
    """Check an RCAPTURE answer and return its samples.

    Raises:
        Untrusted: a check failed; its class and `check` say which.
        DeviceBusy, DeviceTimeout, Disconnected, DeviceRefused: the device refused.
        ProtocolError: the answer has another shape.
    """
    biometrics = answer.get("biometrics") if isinstance(answer, dict) else None
    items = objects(biometrics, expected.device)
    if not items:
        raise ProtocolError(expected.device, "answer without biometrics")
    for item in items:
        if error_code(item) != SUCCESS:
            raise error_of(item, expected.device)
    try:
        tokens = [_verify_item(item, expected) for item in items]
        _check_positions(tokens, expected.order.target)
        return _open(items, tokens, expected)
    except CheckFailed as failure:
        raise failure.of(expected.device) from failure


def _verify_item(item: JsonObject, expected: Expectation) -> Token:
    """Check everything about one item that does not need its record."""
    order, identity = expected.order, expected.identity
    if text(item, "specVersion") != order.version.name:
        raise CheckFailed(Check.SPEC_VERSION, "not the version of the request")
    token = expected.trust.verify(text(item, "data"), expected.now)
    fields = token.payload
    inner = expected.trust.verify_identity(text(fields, "digitalId"), identity.level, expected.now)
    if DigitalId.of(inner.payload) != identity.digital_id:
        raise CheckFailed(Check.DEVICE_IDENTITY, "signed by another device")
    check_signers(token, inner, identity.level)
    if token.signer_sha256 != identity.signer_sha256:
        raise CheckFailed(Check.DEVICE_IDENTITY, "signed by another key than its description")
    check_device_code(text(fields, "deviceCode"), order.version)
    if order.version.has_device_code and text(fields, "deviceCode") != identity.device_code:
        raise CheckFailed(Check.DEVICE_IDENTITY, "another device code")
    if text(fields, "bioType") != order.target.bio_type:
        raise CheckFailed(Check.DEVICE_IDENTITY, "another modality")
    if text(fields, "env") != order.environment:
        raise CheckFailed(Check.ENVIRONMENT, "not the environment of this desk")
    if text(fields, "purpose") != PURPOSE:
        raise CheckFailed(Check.PURPOSE, "not captured for registration")
    _check_transaction(text(fields, "transactionId"), expected)
    _check_time(text(fields, "timestamp"), expected.now)
    return token


def check_signers(token: Token, inner: Token, level: str) -> None:
    """Demand that the key that signed `token` is that of the device which `inner` names.

    A `digitalId` can be copied by whoever has seen it. At level 0 the device key signs both, at
    level 1 the chip signs `inner` with a key of its own, and nothing in it names the device key.

    Raises:
        CheckFailed: one device signed, another one is named.
    """
    if level == "L0" and token.signer_sha256 != inner.signer_sha256:
        raise CheckFailed(
            Check.DEVICE_IDENTITY, "not signed by the key of the device that it names"
        )


def check_device_code(code: str, version: Version) -> None:
    """Demand the `deviceCode` where the version has one.

    Raises:
        CheckFailed: there is none.
    """
    if version.has_device_code and not code:
        raise CheckFailed(Check.DEVICE_IDENTITY, f"no device code, which {version.name} demands")


def _check_transaction(number: str, expected: Expectation) -> None:
    if number == expected.order.transaction_id:
        return
    if number in expected.earlier:
        raise CheckFailed(Check.REPLAY, "answer to an earlier request")
    raise CheckFailed(Check.TRANSACTION, "belongs to another request")


def _check_time(stamp: str, now: datetime) -> None:
    try:
        moment = datetime.fromisoformat(stamp)
        difference = abs((now - moment).total_seconds())
    except (ValueError, TypeError, OverflowError) as error:
        raise CheckFailed(Check.TIMESTAMP, "no moment in UTC") from error
    if difference > MAX_CLOCK_DIFFERENCE_S:
        raise CheckFailed(Check.TIMESTAMP, f"{difference:.0f} s away from the clock of this desk")


def _check_positions(tokens: list[Token], target: Target) -> None:
    names = [text(token.payload, "bioSubType") for token in tokens]
    # a face has no sub type
    wanted = ["" if position is None else name_of(position) for position in target.expected]
    if names != wanted:
        matching = len(set(names) & set(wanted))
        raise CheckFailed(
            Check.POSITIONS,
            f"{len(names)} items, {matching} of the {len(wanted)} expected positions",
        )


def _open(items: list[JsonObject], tokens: list[Token], expected: Expectation) -> VerifiedAnswer:
    """Follow the hash chain over the records and read them.

    Decoding takes most of the time of a slap: it runs on every core beside the rest, and what it
    finds counts only after everything else has been found good.
    """
    hashes = [expected.order.previous_hash or START]
    records: list[bytes] = []
    with ThreadPoolExecutor(_DECODERS, f"device-{expected.device}-decode") as decoders:
        decoding: list[Future[Sample]] = []
        for number, (item, token) in enumerate(zip(items, tokens, strict=True)):
            record = _record(token)
            hashes.append(next_hash(hashes[-1], record))
            if text(item, "hash").upper() != hashes[-1]:
                raise CheckFailed(Check.HASH_CHAIN, "does not continue from the last verified hash")
            score = Score(DEVICE_QUALITY, _score(token), _source(expected.identity.digital_id))
            decoding.append(
                decoders.submit(
                    sample_of,
                    expected.order.target.expected[number],
                    record,
                    (score,),
                    bool(expected.order.target.exceptions),
                )
            )
            records.append(record)
        attestation = _attest(tokens, records, hashes, expected)
        samples = tuple(future.result() for future in decoding)
    return VerifiedAnswer(samples, attestation, expected.identity)


def _attest(
    tokens: list[Token], records: list[bytes], hashes: list[str], expected: Expectation
) -> Attestation:
    return Attestation(
        expected.identity.level,
        expected.identity.signer_sha256,  # every token was compared with it
        expected.order.transaction_id,
        tuple(token.detached for token in tokens),
        tuple(hashes[1:]),
        tuple(keep_payload(token, record) for token, record in zip(tokens, records, strict=True)),
        tuple(hashes[:-1]),
    )


def _source(device: DigitalId) -> str:
    return f"{device.make} {device.model} {device.serial}"


def _record(token: Token) -> bytes:
    try:
        return decode_base64(text(token.payload, "bioValue"))
    except ValueError as error:
        raise CheckFailed(Check.RECORD, "not base64") from error


def _score(token: Token) -> float:
    """Read `qualityScore`, which services write as 61, "61" or "61.0"."""
    value = token.payload.get("qualityScore")
    try:
        score = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # else TypeError, below
    except (TypeError, ValueError, OverflowError) as error:
        raise CheckFailed(Check.SCORE, "no number") from error
    if not 0.0 <= score <= 100.0:
        raise CheckFailed(Check.SCORE, "outside 0 to 100")
    return score
