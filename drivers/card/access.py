"""What a card reader is given to open protected cards and to check signed ones."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, runtime_checkable

from pydantic import Field

from drivers.api import CardChannel, CardReader
from drivers.card.errors import AuthoritiesUnusable
from drivers.card.sam_opening import OpeningFile
from drivers.device import DeviceSettings

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from drivers.card.sam import SecureAccessModule

# the configuration file knows texts and arrays only; the other fields stay strict
PathFromText = Annotated[Path, Field(strict=False)]


class AccessSettings(DeviceSettings):
    """Files for protected and signed cards; a reader driver's settings build on these.

    `sam_opening` holds the opening data of the access module (`drivers.card.sam_opening`);
    `document_authorities` are PEM certificates that may vouch for the files of an open test card.
    `protected_chunk_bytes` is how much one protected command reads; 96 for a reader that passes no
    answers of 236 bytes on.
    """

    sam_opening: PathFromText | None = None
    document_authorities: tuple[PathFromText, ...] = Field(default=(), strict=False)
    protected_chunk_bytes: Literal[208, 96] = 208


class CardAccess:
    """The access material of one reader; reads its files when they are needed first."""

    def __init__(self, device: str, settings: AccessSettings) -> None:
        self._device = device
        self._settings = settings
        self._opening = OpeningFile(device, settings.sam_opening)

    @property
    def protected_chunk_bytes(self) -> int:
        """How much one protected command reads."""
        return self._settings.protected_chunk_bytes

    def module(self, card: CardChannel) -> SecureAccessModule | None:
        """Return the access module in the reader's other slot; None where it has none."""
        channel = card.access_module
        if channel is None:
            return None
        from drivers.card.sam import PcscSam

        return PcscSam(channel, self._opening)

    def forget_refusal(self) -> None:
        """Allow the opening data to be sent again: somebody connected the reader anew."""
        self._opening.is_refused = False

    @cached_property
    def authorities(self) -> tuple[Certificate, ...]:
        """The certificates of the document authorities.

        Raises:
            AuthoritiesUnusable: a file is absent or damaged, or holds no authority's certificate.
        """
        return tuple(
            certificate
            for path in self._settings.document_authorities
            for certificate in self._load(path)
        )

    def _load(self, path: Path) -> list[Certificate]:
        from cryptography import x509

        from drivers.certificates import is_authority

        try:
            certificates = x509.load_pem_x509_certificates(path.read_bytes())
            are_authorities = all(is_authority(certificate) for certificate in certificates)
        except OSError as error:
            raise self._unusable(path, f"{error.strerror}") from error
        except ValueError as error:
            raise self._unusable(path, "no certificate in PEM form") from error
        if not are_authorities:
            raise self._unusable(path, "not the certificate of an authority")
        return certificates

    def _unusable(self, path: Path, fact: str) -> AuthoritiesUnusable:
        return AuthoritiesUnusable(self._device, f"{path.name}: {fact}")


@runtime_checkable
class EquippedReader(Protocol):
    """A card reader whose settings are `AccessSettings`."""

    access: CardAccess


def access_of(reader: CardReader) -> CardAccess:
    """Return what this reader was given; nothing where its settings know no such thing."""
    if isinstance(reader, EquippedReader):
        return reader.access
    return CardAccess(reader.name, AccessSettings())
