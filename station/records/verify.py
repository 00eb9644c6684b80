"""Checking one sealed record: from outside with no key, from inside with a recipient's key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from cryptography import x509

from station.errors import IntegrityError
from station.records.bundle import Bundle, unpack
from station.records.errors import (
    HashMismatch,
    RecordUnreadable,
    SignatureInvalid,
    StructureInvalid,
    UntrustedSigner,
)
from station.records.itl_check import validate
from station.records.keys import RecipientKey, fingerprint
from station.records.objects import SIGNATURE_SUFFIX
from station.records.parts import ITL_PATH
from station.records.seal import Envelope, open_sealed, outer
from station.records.signature import Signed, check_trust, verify_attached, verify_detached

T = TypeVar("T")


class Outcome(StrEnum):
    """Result of one check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


class Check(StrEnum):
    """What is checked, in this order; the last six need a recipient's key."""

    ENVELOPE = "envelope"
    HASH = "hash"
    OUTER_SIGNATURE = "outer signature"
    OUTER_TRUST = "outer trust"
    SEAL = "seal"
    INNER_SIGNATURE = "inner signature"
    INNER_TRUST = "inner trust"
    BUNDLE = "bundle"
    IDENTITY = "identity"
    ITL = "ansi/nist record"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: `code` is that of the error when it failed, "" otherwise."""

    check: Check
    outcome: Outcome
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks of one record; `signer` is the fingerprint of who sealed it, "" if unknown."""

    results: tuple[CheckResult, ...]
    envelope: Envelope | None = None
    signer: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether no check failed; what was not checked is listed in the results."""
        return not any(result.outcome is Outcome.FAILED for result in self.results)

    @property
    def is_trusted(self) -> bool:
        """Whether it is sound and the station authority vouches for whoever signed it.

        The outer signer was checked, and the inner one too when a recipient's key was given. False
        without an authority: such a record is sound, its signer was not checked.
        """
        needed = [Check.OUTER_TRUST]
        if self.outcome(Check.SEAL) is not Outcome.NOT_CHECKED:
            needed.append(Check.INNER_TRUST)
        return self.is_sound and all(self.outcome(c) is Outcome.PASSED for c in needed)

    def outcome(self, check: Check) -> Outcome:
        """Return the outcome of one check."""
        return next(r.outcome for r in self.results if r.check is check)


NO_AUTHORITY: Final = "no certificate of the station authority given"
NO_RECIPIENT: Final = "no recipient key given"
NO_SIGNATURE: Final = "no detached signature beside the record"
NOT_REACHED: Final = "an earlier check failed"


@dataclass(slots=True)
class _Report:
    """Collects results; a check that raises has failed."""

    results: dict[Check, CheckResult] = field(default_factory=dict)

    def run(self, check: Check, action: Callable[[], T]) -> T | None:
        try:
            value = action()
        except IntegrityError as error:
            self.results[check] = CheckResult(check, Outcome.FAILED, error.code, error.detail)
            return None
        self.results[check] = CheckResult(check, Outcome.PASSED)
        return value

    def skip(self, reason: str, *checks: Check) -> None:
        for check in checks:
            self.results.setdefault(check, CheckResult(check, Outcome.NOT_CHECKED, "", reason))

    def finish(self, envelope: Envelope | None, signer: str) -> Verification:
        self.skip(NOT_REACHED, *Check)
        return Verification(tuple(self.results[check] for check in Check), envelope, signer)


def verify_record(
    path: Path,
    *,
    station_ca: x509.Certificate | None = None,
    recipient: tuple[x509.Certificate, RecipientKey] | None = None,
    expected_sha256: str | None = None,
    signature_path: Path | None = None,
) -> Verification:
    """Check the sealed record at `path` as far as the keys reach; a poor record does not raise.

    Args:
        path: the sealed record, `<record id>.cms`.
        station_ca: who issues the stations' certificates, or the station's own certificate.
        recipient: certificate and private key of one recipient, to look inside.
        expected_sha256: what the store states, lower-case hexadecimal.
        signature_path: the detached signature; `<record id>.sig` beside the record when None.

    Raises:
        RecordUnreadable: the record cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordUnreadable(f"{path.name}: {error.strerror}") from error
    report = _Report()
    envelope = report.run(Check.ENVELOPE, lambda: outer(data))
    if expected_sha256 is None:
        report.skip("the store was not asked", Check.HASH)
    else:
        report.run(Check.HASH, lambda: _check_hash(data, expected_sha256))
    signature = _read_signature(signature_path or path.with_suffix(SIGNATURE_SUFFIX))
    if signature is None and recipient is not None:
        # the signature inside says as much to somebody who can look there
        report.skip(NO_SIGNATURE, Check.OUTER_SIGNATURE, Check.OUTER_TRUST)
        sealed_by = ""
    else:
        sealed_by = _check_outer(report, data, signature, station_ca)
    if envelope is None:
        return report.finish(None, sealed_by)
    if recipient is None:
        report.skip(NO_RECIPIENT, *Check)
        return report.finish(envelope, sealed_by)
    return report.finish(
        envelope, _check_inner(report, data, path, recipient, station_ca, sealed_by) or sealed_by
    )


def _check_hash(data: bytes, expected_sha256: str) -> None:
    if hashlib.sha256(data).hexdigest() != expected_sha256:
        raise HashMismatch("the file differs from what the store states")


def _read_signature(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _check_outer(
    report: _Report, data: bytes, signature: bytes | None, station_ca: x509.Certificate | None
) -> str:
    """Check the detached signature and return the signer's fingerprint, "" if unknown."""

    def verify() -> Signed:
        if signature is None:
            raise SignatureInvalid(NO_SIGNATURE)
        return verify_detached(signature, data)

    signed = report.run(Check.OUTER_SIGNATURE, verify)
    if signed is None:
        return ""
    _check_trust(report, Check.OUTER_TRUST, signed, station_ca)
    return fingerprint(signed.certificate)


def _check_trust(
    report: _Report, check: Check, signed: Signed, station_ca: x509.Certificate | None
) -> None:
    if station_ca is None:
        report.skip(NO_AUTHORITY, check)
    else:
        report.run(check, lambda: check_trust(signed, station_ca))


def _check_inner(
    report: _Report,
    data: bytes,
    path: Path,
    recipient: tuple[x509.Certificate, RecipientKey],
    station_ca: x509.Certificate | None,
    sealed_by: str,
) -> str:
    """Open the record and check everything inside; return the inner signer's fingerprint."""
    inner = report.run(Check.SEAL, lambda: open_sealed(data, *recipient))
    if inner is None:
        return ""
    signed = report.run(Check.INNER_SIGNATURE, lambda: verify_attached(inner))
    if signed is None:
        return ""
    _check_trust(report, Check.INNER_TRUST, signed, station_ca)
    signer = fingerprint(signed.certificate)
    bundle = report.run(Check.BUNDLE, lambda: unpack(signed.content))
    if bundle is None:
        return signer
    report.run(Check.IDENTITY, lambda: _check_identity(bundle, path, signer, sealed_by))
    report.run(Check.ITL, lambda: _check_itl(bundle))
    return signer


def _check_identity(bundle: Bundle, path: Path, signer: str, sealed_by: str) -> None:
    """A sound record under a wrong name, or re-signed by another station, is not this record."""
    if bundle.manifest.id != path.stem:
        raise HashMismatch("the manifest names another record than the file")
    if sealed_by and signer != sealed_by:
        raise UntrustedSigner("outer and inner signature come from different stations")


def _check_itl(bundle: Bundle) -> None:
    problems = validate(bundle.parts.get(ITL_PATH, b""))
    if problems:
        raise StructureInvalid("; ".join(problems[:3]))
