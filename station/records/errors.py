"""What the journal, the store, the keys and the verification may raise."""

from __future__ import annotations

from station.errors import IntegrityError, StoreError


class DiskFull(StoreError):
    """The medium has no space left; what was durable before still is, the call may be repeated."""

    code = "ST-101"


class StorageFailed(StoreError):
    """Writing or syncing failed: nothing is known about the last write, reopen before going on."""

    code = "ST-102"


class LowSpace(StoreError):
    """Less free space than a new recording may need; existing records are not affected."""

    code = "ST-103"


class JournalDamaged(StoreError):
    """A journal is damaged before its end: tampering or a media error; nothing was deleted."""

    code = "ST-201"


class JournalExists(StoreError):
    """The session already has a journal, so it must be resumed and not begun."""

    code = "ST-202"


class JournalKeyWrong(StoreError):
    """The journal was written under another journal key, or its header was changed."""

    code = "ST-203"


class StoreOwned(StoreError):
    """Another running process owns the store; `pid` is its process number, 0 if unknown."""

    code = "ST-301"

    def __init__(self, detail: str, pid: int) -> None:
        super().__init__(detail)
        self.pid = pid


class RecordExists(StoreError):
    """A record of this id is already sealed; sealing it again would make a duplicate."""

    code = "ST-302"


class UnknownRecord(StoreError):
    """The store holds no record of this id."""

    code = "ST-303"


class StoreDamaged(StoreError):
    """The database of the store cannot be read or fails its own check."""

    code = "ST-304"


class AuditRefused(StoreError):
    """An event holds something that looks like personal data; nothing of it was written."""

    code = "ST-305"


class RecordDamaged(IntegrityError):
    """The authentication tag of a sealed record does not match: changed or damaged."""

    code = "SEC-101"


class SignatureInvalid(IntegrityError):
    """A signature does not match what it signs."""

    code = "SEC-102"


class HashMismatch(IntegrityError):
    """Bytes differ from the hash that the manifest or the store states for them."""

    code = "SEC-103"


class StructureInvalid(IntegrityError):
    """Something inside a record is not built as its format demands."""

    code = "SEC-104"


class NotARecord(IntegrityError):
    """The file is no CMS AuthEnvelopedData at all."""

    code = "SEC-105"


class WrongRecipient(IntegrityError):
    """The record is not sealed for the given certificate, or the key does not belong to it."""

    code = "SEC-106"


class UntrustedSigner(IntegrityError):
    """The signature is sound, but its certificate does not come from the station authority."""

    code = "SEC-107"


class RecordUnreadable(IntegrityError):
    """The file of a record is absent or cannot be read."""

    code = "SEC-108"


class KeyMissing(IntegrityError):
    """A key or certificate file is absent or unreadable."""

    code = "SEC-201"


class KeyExposed(IntegrityError):
    """Other users may read or write a secret key file or its folder, or write where records lie."""

    code = "SEC-202"


class KeyUnsuitable(IntegrityError):
    """A key or certificate is malformed, or of a type or curve that must not be used here."""

    code = "SEC-203"


class CertificateExpired(IntegrityError):
    """A certificate is not valid at this moment."""

    code = "SEC-204"


class KeyMismatch(IntegrityError):
    """The signing key does not belong to the certificate."""

    code = "SEC-205"


class AuditBroken(IntegrityError):
    """The audit log cannot be continued because its last row contradicts itself."""

    code = "SEC-301"
