"""An authority, operators and their cards, without a link: what the tests of the profile share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from drivers.api import CardChannel
from drivers.card import frames
from drivers.card.apdu import ApduChannel
from drivers.card.profiles.piv import PivCard
from drivers.card.profiles.piv_trust import OperatorTrust
from simulators.piv_card import OperatorCard
from simulators.piv_keys import RSA_2048, CardKey
from simulators.piv_pki import OperatorAuthority

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
OPERATOR = "OPERATOR UJI 001"
STATION = "STATION-UJI-01"


@dataclass
class DirectChannel:
    """A `CardChannel` that is the card itself; `sent` are the commands in order."""

    card: OperatorCard
    sent: list[bytes] = field(default_factory=list)
    device: str = "reader"
    before: Callable[[bytes], None] = lambda _apdu: None
    access_module: CardChannel | None = None

    def __post_init__(self) -> None:
        self.card.power(frames.POWER_ON)

    def transmit(self, apdu: bytes) -> bytes:
        self.before(apdu)
        self.sent.append(apdu)
        return self.card.apdu(apdu)

    def count(self, instruction: int, *, with_data: bool = False) -> int:
        """How many commands of this instruction were sent."""
        least = 6 if with_data else 4
        return sum(apdu[1] == instruction and len(apdu) >= least for apdu in self.sent)


@cache
def authority() -> OperatorAuthority:
    """The operator authority of this desk; made once a process."""
    return OperatorAuthority.make(NOW)


@cache
def rsa_key() -> CardKey:
    """An RSA key: making one takes a noticeable time."""
    return CardKey.generate(RSA_2048)


def trust(**options: bool) -> OperatorTrust:
    """Trust in `authority`, with a current list that revokes nobody."""
    one = authority()
    return OperatorTrust((one.certificate,), (one.revocation_list([], NOW),), **options)


def operator_card() -> OperatorCard:
    """The card of an ordinary operator, PIN 123456."""
    return authority().card(OPERATOR, NOW)


def selected(channel: DirectChannel) -> PivCard:
    """The PIV application of the card, selected."""
    card = PivCard(ApduChannel(channel), channel.device)
    card.select()
    return card


def pin(text: str = "123456") -> bytearray:
    """A PIN as it comes from the keyboard."""
    return bytearray(text.encode())


@dataclass
class ScriptedChannel:
    """A `CardChannel` that is a list of pairs: command that must come, answer it gets (hex)."""

    pairs: list[tuple[str, str]]
    device: str = "reader"
    access_module: CardChannel | None = None

    def transmit(self, apdu: bytes) -> bytes:
        assert self.pairs, f"nothing more was expected, got {apdu.hex().upper()}"
        expected, answer = self.pairs.pop(0)
        assert apdu.hex().upper() == expected.replace(" ", "")
        return bytes.fromhex(answer)

    @property
    def piv(self) -> PivCard:
        """The PIV application, taken as selected."""
        return PivCard(ApduChannel(self), self.device)
