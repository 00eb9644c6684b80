"""The resident's card on the reader of a simulated desk: behind pcscd where that can run, else not.

The choice is never silent: `remark` says why the loopback link is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from simulators import pcscd
from simulators.card_links import LoopbackSlot, VpcdSlot
from simulators.card_slot import CardScene

READER = "KTPEL-SIM"


@dataclass(frozen=True, slots=True)
class DeskCard:
    """The card reader's settings for the station's configuration, and what to tell about it."""

    settings: dict[str, Any] = field(default_factory=dict)
    remark: str = ""


@contextmanager
def card_reader(scene: CardScene, *, pcsc: bool = True) -> Iterator[DeskCard]:
    """Put a reader on the desk; the card comes and goes with the resident of `scene`.

    `pcsc=False` asks for the loopback link: a process can run one pcscd only.
    """
    reason = pcscd.available() if pcsc else "not wanted here"
    if reason is None:
        with pcscd.PrivatePcscd([READER]) as service:
            slot = VpcdSlot(scene, service.slot_port(READER, 0))
            try:
                yield DeskCard(
                    {
                        "driver": "pcsc",
                        "reader": f"{READER} 00 00",
                        "service_socket": str(service.socket_path),
                    }
                )
            finally:
                slot.close()
        return
    link = LoopbackSlot(scene)
    try:
        yield DeskCard(
            {"driver": "loopback-card", "port": link.port},
            f"the simulated card uses the loopback link instead of pcscd: {reason}",
        )
    finally:
        link.close()
