"""What can be said of a reader and the card on it without any secret; for `rekam card info`.

Nothing personal leaves this module: UID and personal numbers are masked, an answer to reset that
holds a UID is starred out there.
"""

from __future__ import annotations

from concurrent.futures import wait
from dataclasses import dataclass
from typing import Final

from drivers.api import CardChannel, CardReader, DeviceInfo
from drivers.card.apdu import ApduChannel
from drivers.card.errors import ReaderAbsent, ServiceDown
from drivers.card.info_applications import Applications, find_applications
from drivers.card.info_atr import AtrFacts, explain_atr, printable_atr
from drivers.card.reader import SIMULATED
from drivers.errors import DeviceError
from drivers.worker import DaemonThread

SERVICE: Final = "card readers"
"""Stands in errors where no reader has a name yet."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something could not be said: the code of an error and its detail."""

    code: str
    detail: str

    @classmethod
    def of(cls, error: DeviceError) -> Problem:
        """Return code and detail of an error."""
        return cls(error.code, error.detail)


@dataclass(frozen=True, slots=True)
class CardFacts:
    """One card that answered: its ATR as it may be shown, its masked UID, its applications.

    `uid` is empty for a card in a contact reader, which tells none.
    """

    atr: str
    atr_facts: AtrFacts
    uid: str
    applications: Applications


@dataclass(frozen=True, slots=True)
class ReaderFacts:
    """One reader; `card` is None where none could be read, and `problem` says why."""

    name: str
    driver: str = ""
    is_simulated: bool = False
    card: CardFacts | None = None
    problem: Problem | None = None


def list_readers(service_socket: str = "", timeout: float = 3.0) -> tuple[str, ...]:
    """Return the names of the readers that the smart-card service knows; blocking.

    Args:
        service_socket: of a pcscd of one's own; empty means that of the machine.
        timeout: seconds, after which a service that hangs is given up.

    Raises:
        ServiceDown: the service does not run, or hangs.
        ReaderForbidden, CardLibraryMissing: there is no way to it.
        ReaderAbsent: no reader is connected.
    """
    thread = DaemonThread("card-readers")
    future = thread.submit(lambda: _names(service_socket))
    thread.stop()
    if not wait([future], timeout).done:
        raise ServiceDown(SERVICE, f"the smart-card service hangs: no answer within {timeout:g} s")
    return future.result()


async def describe(reader: CardReader, timeout: float = 20.0) -> ReaderFacts:
    """Connect a reader, read what is free on its card, and close it again.

    Whatever fails is in `ReaderFacts.problem`; what was read before a card left is thrown away.
    """
    try:
        info = await reader.connect()
        is_simulated = SIMULATED in info.capabilities
    except DeviceError as error:
        await reader.close()
        return ReaderFacts(reader.name, problem=Problem.of(error))
    try:
        card, problem = await _card(reader, timeout), None
    except DeviceError as error:
        card, problem = None, Problem.of(error)
    finally:
        await reader.close()
    return ReaderFacts(_shown_name(reader.name, info), info.driver, is_simulated, card, problem)


def masked_uid(uid: bytes) -> str:
    """Return the first byte (the maker of a 7-byte UID) and stars for all others."""
    return uid[:1].hex().upper() + "**" * (len(uid) - 1) if uid else ""


async def _card(reader: CardReader, timeout: float) -> CardFacts:
    async with reader.session(timeout) as session:
        applications = await session.run(_applications, timeout)
    identity = session.identity
    return CardFacts(
        atr=printable_atr(identity.atr),
        atr_facts=explain_atr(identity.atr),
        uid=masked_uid(identity.uid),
        applications=applications,
    )


def _applications(channel: CardChannel) -> Applications:
    return find_applications(ApduChannel(channel), channel.device)


def _shown_name(asked: str, info: DeviceInfo) -> str:
    """The whole name where the reader was found by it, else what PC/SC tells of it."""
    return asked if asked.startswith(info.model) else info.serial


def _names(service_socket: str) -> tuple[str, ...]:
    # here, so that nothing of PC/SC is loaded before it is needed
    from drivers.card.pcsc import list_readers as names_of
    from drivers.card.pcsc import load_scard
    from drivers.card.pcsc_results import SUCCESS, error_of

    scard = load_scard(SERVICE, service_socket)
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if code != SUCCESS:
        raise error_of(code, SERVICE)
    try:
        names = names_of(scard, context, SERVICE)
    finally:
        scard.SCardReleaseContext(context)
    if not names:
        raise ReaderAbsent(SERVICE, "no reader is connected")
    return tuple(names)
