"""A real pcscd with simulated cards in its readers, and programs that are run at them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from drivers.card.monitor import ReaderMonitor
from simulators.card_links import VpcdSlot
from simulators.card_slot import FixedCard, SimulatedCard
from simulators.pcscd import PrivatePcscd
from tests.protocol.card_scene import wait_until

KTPEL, PIV, BLANK = "KTPEL-SIM", "PIV-SIM", "BLANK-SIM"
PATIENCE_S = 20.0


def children() -> set[str]:
    tasks = Path("/proc/self/task")
    return {pid for task in tasks.iterdir() for pid in (task / "children").read_text().split()}


@contextmanager
def served(cards: Mapping[str, SimulatedCard]) -> Iterator[PrivatePcscd]:
    """Run a pcscd whose readers hold these cards, until the block is left."""
    with ExitStack() as stack:
        daemon = stack.enter_context(PrivatePcscd(list(cards)))
        for name, card in cards.items():
            slot = VpcdSlot(FixedCard(card), daemon.slot_port(name, 0))
            stack.callback(slot.close)
        with ReaderMonitor("test", str(daemon.socket_path)) as monitor:
            assert wait_until(lambda: all(is_seen(monitor, slot_of(name)) for name in cards))
        yield daemon


def is_seen(monitor: ReaderMonitor, reader: str) -> bool:
    view = monitor.view.readers.get(reader)
    return view is not None and view.present


def slot_of(name: str) -> str:
    return f"{name} 00 00"


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def run(*command: str | Path, status: int = 0) -> str:
    """Run a program to its end and return what it said; it is killed when it does not end."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == status, (command, done.stdout, done.stderr)
    return done.stdout + done.stderr
