"""The client of one device behind an SBI service; it believes nothing before checking it."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from drivers.device import Call
from drivers.errors import DeviceBusy, DeviceRefused, Disconnected, Unsupported, Untrusted
from drivers.recorder import Direction, FlightRecorder
from drivers.sbi.answers import JsonObject, child, error_code, objects, text, texts
from drivers.sbi.chain import BUSY_LIMIT_S, SERVICES, HashChain
from drivers.sbi.checks import (
    Expectation,
    VerifiedAnswer,
    check_device_code,
    check_signers,
    verify_received,
)
from drivers.sbi.discovery import Found, callback_port, discover
from drivers.sbi.errors import ForeignDevice
from drivers.sbi.link import exchange, exchange_raw
from drivers.sbi.protocol import HOST, PURPOSE, BioType, Status, Target
from drivers.sbi.requests import CaptureOrder, info_request
from drivers.sbi.trust import Check, CheckFailed, DigitalId, Identity, Trust, level_of
from drivers.sbi.versions import RCAPTURE, Version

T = TypeVar("T")

BUSY_POLL_S: Final = 0.25
_ANSWER_MARGIN_S: Final = 1.0
_READY_POLL_S: Final = 0.05
_KEPT_TRANSACTIONS: Final = 256


def retry_while_busy(call: Call, attempt: Callable[[], T]) -> T:
    """Repeat `attempt` every 250 ms while the device is busy, at most 5 s.

    Raises:
        DeviceBusy: it still is.
    """
    patience = min(BUSY_LIMIT_S, call.remaining - 2 * BUSY_POLL_S)
    until = call.clock.monotonic() + patience
    while True:
        try:
            return attempt()
        except DeviceBusy:
            if call.clock.monotonic() >= until:
                raise
        call.sleep(BUSY_POLL_S)


@dataclass(frozen=True, slots=True)
class DeskPolicy:
    """What this desk demands of every device, and tells every device.

    `least_trust` is the lowest level of trust, "L0" or "L1".
    """

    environment: str
    trust: Trust
    least_trust: str = "L0"
    custom_options: Mapping[str, str] = field(default_factory=dict)


class SbiClient:
    """Calls one device of one service.

    `chain` is the hash chain of the service; without it the chain that this process keeps for the
    service's address is used, so that all devices of one service continue the same chain.
    """

    def __init__(
        self,
        found: Found,
        policy: DeskPolicy,
        recorder: FlightRecorder,
        chain: HashChain | None = None,
    ) -> None:
        self._found = found
        self._policy = policy
        self._recorder = recorder
        self._chain = chain
        self._port = found.port
        self._bio_type = BioType(found.digital_id.bio_type)
        self._transactions: deque[str] = deque(maxlen=_KEPT_TRANSACTIONS)

    @property
    def port(self) -> int:
        """Where the device is called."""
        return self._port

    @property
    def version(self) -> Version:
        """The version of the interface that is spoken."""
        return self._found.version

    def identify(self, call: Call) -> Identity:
        """Read and verify the signed description of the device.

        A service describes all of its devices at once: what is wrong with another one, whose key
        has ended perhaps, is no reason to refuse this one.

        Raises:
            Untrusted: a signature, a root, or what the description says does not hold.
            Disconnected: the service no longer has the device.
        """
        failures: list[CheckFailed] = []
        try:
            self._port = callback_port(self._found.callback)
        except CheckFailed as failure:
            raise failure.of(call.device) from failure
        request = info_request(self.version)
        answer = exchange(self._port, self.version.info, request, call, self._recorder)
        for item in objects(answer, call.device):
            try:
                identity = self._identity(item, call)
            except CheckFailed as failure:
                self._recorder.note(f"description not believed: {failure.check}")
                failures.append(failure)
            else:
                if identity is not None:
                    return identity
        if failures:
            raise failures[0].of(call.device) from failures[0]
        raise Disconnected(call.device, "the service no longer describes the device")

    def _identity(self, item: JsonObject, call: Call) -> Identity | None:
        """Verify one description; None when it is about another device."""
        token = text(item, "deviceInfo")
        if "." not in token:  # an unregistered device describes itself unsigned
            self._recorder.note(f"unsigned description, error {error_code(item)}")
            return None
        now = call.clock.utc_now()
        signed = self._policy.trust.verify(token, now)
        # some services wrap the description once more
        fields = child(signed.payload, "deviceInfo") or signed.payload
        if text(fields, self.version.device_key) != self._found.key:
            return None
        level = level_of(text(fields, "certification"), self._policy.least_trust)
        inner = self._policy.trust.verify_identity(text(fields, "digitalId"), level, now)
        digital_id = DigitalId.of(inner.payload)
        if digital_id != self._found.digital_id or not digital_id.serial:
            raise CheckFailed(Check.DEVICE_IDENTITY, "another device than discovery announced")
        check_signers(signed, inner, level)
        self._check_description(fields)
        return Identity(
            self._port,
            self.version,
            self._found.key,
            text(fields, "deviceCode"),
            digital_id,
            self._bio_type,
            level,
            text(fields, "firmware"),
            texts(fields, "deviceSubId"),
            text(fields, "deviceStatus"),
            signed.signer_sha256,
            signed.signer_valid_until,
        )

    def _check_description(self, fields: JsonObject) -> None:
        check_device_code(text(fields, "deviceCode"), self.version)
        if self.version.name not in texts(fields, "specVersion"):
            raise CheckFailed(Check.SPEC_VERSION, f"device does not speak {self.version.name}")
        if text(fields, "purpose") != PURPOSE:
            raise CheckFailed(Check.PURPOSE, "not a registration device")
        if text(fields, "env") != self._policy.environment:
            raise CheckFailed(Check.ENVIRONMENT, "not the environment of this desk")
        if callback_port(text(fields, "callbackId")) != self._port:
            raise CheckFailed(Check.CALLBACK, "another address than discovery announced")

    def wait_ready(self, call: Call) -> None:
        """Wait until the device has noticed that its live picture was closed.

        Raises:
            DeviceBusy: it stays busy for 5 s.
            Disconnected: the service no longer has the device.
        """
        until = call.clock.monotonic() + BUSY_LIMIT_S
        while self.find(call).status == Status.BUSY:
            if call.clock.monotonic() >= until:
                raise DeviceBusy(call.device, "still busy after its live picture was closed")
            call.sleep(_READY_POLL_S)

    def find(self, call: Call) -> Found:
        """Ask the service, unsigned and in milliseconds, what it says of the device now.

        Raises:
            Disconnected: the service is gone, or no longer has this very device.
        """
        there = discover(self._port, self._bio_type, call, self._recorder, (self.version,))
        for found in there:
            if (found.key, found.digital_id) == (self._found.key, self._found.digital_id):
                return found
        raise Disconnected(call.device, "the service does not offer this device any more")

    def capture(
        self, identity: Identity, target: Target, wanted_score: int, call: Call
    ) -> VerifiedAnswer:
        """Capture and verify; the hash chain moves only when everything holds.

        The answer's `identity` is that of the device as it signs now: its key may have been
        renewed since `identity` was read.

        Raises:
            DeviceTimeout: nobody presented what was asked for.
            DeviceBusy: another capture did not end within 5 s.
            DeviceRefused: the device refused; `device_code` is its code.
            Untrusted: the answer failed a check and was dropped.
        """
        if identity.sub_ids and target.sub_id not in identity.sub_ids:
            raise Unsupported(call.device, f"no sub device {target.sub_id}")
        chain = self._chain or SERVICES.of(HOST, self._port)
        with chain.extend(call):

            def attempt() -> VerifiedAnswer:
                return self._capture_once(identity, target, wanted_score, chain.last, call)

            verified = retry_while_busy(call, attempt)
            chain.last = verified.attestation.hashes[-1]
        return verified

    def _capture_once(
        self, identity: Identity, target: Target, wanted_score: int, previous: str, call: Call
    ) -> VerifiedAnswer:
        """Send one request with a transaction number of its own and check the answer."""
        # the device gives up before we do, so that it is not left waiting for a finger
        patience_s = call.remaining - min(_ANSWER_MARGIN_S, call.remaining / 4)
        order = CaptureOrder(
            self.version,
            identity.key,
            target,
            self._policy.environment,
            str(uuid.uuid4()),
            previous,
            wanted_score,
            max(1, int(patience_s * 1000)),
            call.clock.utc_now(),
            self._policy.custom_options,
        )
        earlier = frozenset(self._transactions)
        self._transactions.append(order.transaction_id)
        received = exchange_raw(self._port, RCAPTURE, order.request(), call, self._recorder)
        expected = Expectation(
            call.device, identity, self._policy.trust, order, call.clock.utc_now(), earlier
        )
        try:
            verified = self._verified(received, expected, call)
        except (DeviceRefused, Untrusted) as error:
            self._recorder.note(f"capture rejected: {error.code} {error.detail}")
            raise
        self._recorder.note(f"{len(verified.samples)} samples verified", Direction.RECEIVED)
        return verified

    def _verified(self, received: bytes, expected: Expectation, call: Call) -> VerifiedAnswer:
        """Verify an answer; where its signer is not the known one, ask for the description again.

        Device keys are renewed while a desk works. Only a new description, signed by the new key
        and believed like the first one, tells that from another device's key.
        """
        try:
            return verify_received(received, expected)
        except ForeignDevice as stranger:
            try:
                identity = self.identify(call)
            except Untrusted as error:
                raise stranger from error
            if identity.signer_sha256 == expected.identity.signer_sha256:
                raise
            self._recorder.note("the device has a new key")
            return verify_received(received, replace(expected, identity=identity))
