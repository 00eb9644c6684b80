"""What is checked of a service, and against what: names of the checks, roots, identities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from drivers.errors import Untrusted
from drivers.sbi import errors
from drivers.sbi.answers import JsonObject, text
from drivers.sbi.jws import BadToken, Token, TrustStore, verify_token
from drivers.sbi.protocol import BioType
from drivers.sbi.versions import Version, level_named


class Check(StrEnum):
    """Stable names of the checks, as `Untrusted.check` carries them into the audit log."""

    SIGNATURE = "signature"
    CERTIFICATE = "certificate"
    VALIDITY = "certificate-validity"
    DEVICE_IDENTITY = "device-identity"
    CALLBACK = "callback"
    ENVIRONMENT = "environment"
    PURPOSE = "purpose"
    TRANSACTION = "transaction"
    SPEC_VERSION = "spec-version"
    TIMESTAMP = "timestamp"
    POSITIONS = "positions"
    HASH_CHAIN = "hash-chain"
    SCORE = "score"
    RECORD = "record"
    RECORD_POSITION = "record-position"
    COMPRESSION = "compression"
    RESOLUTION = "resolution"
    IMAGE = "image"
    LEVEL = "level"
    REPLAY = "replay"


ERROR_OF: Final[Mapping[Check, type[Untrusted]]] = {
    Check.SIGNATURE: errors.SignatureWrong,
    Check.CERTIFICATE: errors.SignerUnknown,
    Check.VALIDITY: errors.SignerExpired,
    Check.DEVICE_IDENTITY: errors.ForeignDevice,
    Check.CALLBACK: errors.CallbackForeign,
    Check.ENVIRONMENT: errors.OtherEnvironment,
    Check.PURPOSE: errors.OtherPurpose,
    Check.TRANSACTION: errors.OtherTransaction,
    Check.SPEC_VERSION: errors.OtherVersion,
    Check.TIMESTAMP: errors.ClocksDiffer,
    Check.POSITIONS: errors.PositionsWrong,
    Check.HASH_CHAIN: errors.HashChainBroken,
    Check.SCORE: errors.ScoreImpossible,
    Check.RECORD: errors.RecordBroken,
    Check.RECORD_POSITION: errors.RecordMislabelled,
    Check.COMPRESSION: errors.ImageLossy,
    Check.RESOLUTION: errors.ResolutionWrong,
    Check.IMAGE: errors.ImageWrong,
    Check.LEVEL: errors.LevelTooLow,
    Check.REPLAY: errors.Replayed,
}


class CheckFailed(Exception):
    """One check failed; the client turns it into an error with the name of the device."""

    def __init__(self, check: Check, detail: str = "") -> None:
        super().__init__(f"{check}: {detail}")
        self.check = check
        self.detail = detail

    def of(self, device: str) -> Untrusted:
        """Return the error to raise."""
        return ERROR_OF[self.check](device, self.check, self.detail)


def level_of(certification: str, least: str) -> str:
    """Return "L0" (signed in host software) or "L1" (signed inside the device).

    Raises:
        CheckFailed: the device names no known level, or one below `least`.
    """
    level = level_named(certification)
    if level is None:
        raise CheckFailed(Check.LEVEL, "unknown certification level")
    if level < least:
        raise CheckFailed(Check.LEVEL, f"{level}, this desk demands {least}")
    return level


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom this desk believes: roots of device keys, and of the chips of level 1 devices."""

    device: TrustStore
    chip: TrustStore

    def verify(self, token: str, now: datetime) -> Token:
        """Verify device information or a capture."""
        return _verify(token, self.device, now)

    def verify_identity(self, token: str, level: str, now: datetime) -> Token:
        """Verify a `digitalId`, which a level 1 device signs inside its chip."""
        return _verify(token, self.chip if level == "L1" else self.device, now)


def _verify(token: str, store: TrustStore, now: datetime) -> Token:
    try:
        return verify_token(token, store, now)
    except BadToken as error:
        raise CheckFailed(Check(error.check), error.detail) from error


@dataclass(frozen=True, slots=True)
class DigitalId:
    """Who a device is: serial number, make and model together."""

    serial: str
    make: str
    model: str
    bio_type: str
    sub_type: str

    @classmethod
    def of(cls, fields: JsonObject) -> DigitalId:
        """Read the payload of a `digitalId`; what is absent is empty."""
        return cls(
            text(fields, "serialNo"),
            text(fields, "make"),
            text(fields, "model"),
            text(fields, "type"),
            text(fields, "deviceSubType"),
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """A device whose signed description has been verified.

    `key` is what `version` calls the device: its `deviceId`, or its serial number.
    """

    port: int
    version: Version
    key: str
    device_code: str
    digital_id: DigitalId
    bio_type: BioType
    level: str
    firmware: str
    sub_ids: tuple[str, ...]
    status: str
    signer_sha256: str
    signer_valid_until: datetime
