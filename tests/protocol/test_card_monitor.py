"""The monitor of readers and cards: on a service that is made of answers, and on a real pcscd."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from drivers.card import monitor as monitor_module
from drivers.card.monitor import MonitorEvent, ReaderMonitor, ReaderView, Sight
from drivers.clock import FastClock
from simulators.card_faults import CardFault, pcsc_faults
from simulators.card_links import VpcdSlot
from simulators.injection import Injector
from simulators.pcscd import PrivatePcscd, available
from tests.protocol.card_scene import ANDI, BUDI, CardTable, wait_until

READER = "WATCH-SIM"
SLOTS = (f"{READER} 00 00", f"{READER} 00 01")
UP, DOWN = Sight.SERVICE_UP, Sight.SERVICE_DOWN
NOTICED_S = 1.0
"""pcscd looks at its slots every 0.4 s."""


class RecordingClock(FastClock):
    """Virtual time that writes down how long somebody waited, and ends the waiting at last."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._left = waits

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self._left -= 1
        if self._left <= 0:
            event.set()
        return super().wait(event, seconds)


@dataclass
class ScriptedService:
    """What pyscard would say: one entry of `looks` an answer of SCardGetStatusChange."""

    looks: list[tuple[int, list[tuple[str, int]]]] = field(default_factory=list)
    contexts: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=lambda: ["R 00 00"])

    def __post_init__(self) -> None:
        self.scard: Any = SimpleNamespace(
            SCARD_SCOPE_USER=0,
            SCARD_STATE_CHANGED=0x2,
            SCARD_STATE_UNKNOWN=0x4,
            SCARD_STATE_UNAVAILABLE=0x8,
            SCARD_STATE_PRESENT=0x20,
            SCARD_STATE_MUTE=0x200,
            SCardEstablishContext=lambda scope: (self.contexts.pop(0) if self.contexts else 0, 1),
            SCardReleaseContext=lambda context: 0,
            SCardCancel=lambda context: 0,
            SCardListReaders=lambda context, groups: (0, list(self.names)),
            SCardGetStatusChange=self._look,
        )

    def _look(self, context: int, wait_ms: int, states: list[tuple[str, int]]) -> object:
        if len(states) > 16:
            return 0x80100011, []
        code, events = self.looks.pop(0) if self.looks else (0x80100013, [])
        return code, [(name, event, []) for name, event in events]


def watch(
    service: ScriptedService, monkeypatch: pytest.MonkeyPatch, waits: int
) -> tuple[list[MonitorEvent], list[float], ReaderMonitor]:
    """Run a monitor on a scripted service until it has waited often enough."""
    monkeypatch.setattr(monitor_module, "load_scard", lambda device, socket: service.scard)
    clock = RecordingClock(waits)
    monitor = ReaderMonitor("watch", clock=clock)
    events: list[MonitorEvent] = []
    monitor.subscribe(events.append)
    monitor.start()
    assert wait_until(lambda: monitor._stopping.is_set())
    monitor.stop()
    return events, clock.waits, monitor


def test_an_absent_service_is_asked_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    service = ScriptedService(contexts=[0x8010001D] * 8)
    events, waits, monitor = watch(service, monkeypatch, 7)
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert [event.what for event in events] == [DOWN]
    assert not monitor.view.service_is_up
    assert "does not run" in monitor.view.fault


def test_a_service_that_ends_is_asked_at_once_again(monkeypatch: pytest.MonkeyPatch) -> None:
    service = ScriptedService(contexts=[0x8010001D, 0x8010001D, 0, 0x8010001D, 0])
    events, waits, monitor = watch(service, monkeypatch, 5)
    assert waits == [0.25, 0.5, 0.25, 0.5, 0.25]
    arrived = Sight.READER_ARRIVED
    assert [event.what for event in events] == [DOWN, UP, arrived, DOWN, UP, arrived, DOWN]
    assert monitor.view.service_starts == 2
    assert monitor.view.readers == {}


def test_a_card_exchanged_between_two_looks_is_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "R 00 00"
    looks = [
        (0, [(name, 0x00050022)]),
        (0, [(name, 0x00070022)]),
        (0, [(name, 0x00080012)]),
        (0, [(name, 0x000A0012)]),
        (0x8010000A, [(name, 0x000A0010)]),
    ]
    events, _, _ = watch(ScriptedService(looks=looks), monkeypatch, 1)
    told = [(event.what, event.counter) for event in events[2:-1]]
    card_in, card_out = Sight.CARD_IN, Sight.CARD_OUT
    assert told == [
        (card_in, 5),
        *((card_out, 7), (card_in, 7)),
        (card_out, 8),
        *((card_in, 10), (card_out, 10)),
    ]
    assert str(events[2]) == "card in R 00 00 (movement 5)"
    assert str(events[0]) == "service up"


def test_a_mute_card_is_present_and_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    service = ScriptedService(looks=[(0, [("R 00 00", 0x00010222)])])
    seen: list[ReaderView] = []
    monkeypatch.setattr(
        ReaderMonitor,
        "_service_lost",
        lambda self, fault: seen.append(self.view.readers["R 00 00"]),
    )
    watch(service, monkeypatch, 1)
    assert seen == [ReaderView(present=True, counter=1, is_mute=True)]


def test_a_reader_that_leaves_inside_a_look_is_listed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = ScriptedService(looks=[(0x80100009, []), (0, [("R 00 00", 0x10)])])
    events, waits, _ = watch(service, monkeypatch, 2)
    assert [event.what for event in events] == [UP, Sight.READER_ARRIVED, DOWN]
    assert len(waits) == 2


def test_more_readers_than_pcsc_takes_at_once_are_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"R {number:02X} 00" for number in range(20)]
    looks = [(0, [(name, 0x10) for name in names[:16]]), (0x8010000A, [])]
    seen: list[int] = []
    monkeypatch.setattr(
        ReaderMonitor, "_service_lost", lambda self, fault: seen.append(len(self.view.readers))
    )
    service = ScriptedService(looks=looks, names=names)
    _, _, monitor = watch(service, monkeypatch, 1)
    assert service.looks == []
    assert seen == [20]
    assert monitor.view.service_is_up


def test_a_listener_with_a_bug_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        monitor_module, "load_scard", lambda device, socket: ScriptedService().scard
    )
    monitor = ReaderMonitor("watch", clock=RecordingClock(1))
    seen: list[MonitorEvent] = []

    def broken(event: MonitorEvent) -> None:
        raise RuntimeError("a listener with a bug")

    remove = monitor.subscribe(broken)
    monitor.subscribe(seen.append)
    monitor.start()
    assert wait_until(lambda: monitor._stopping.is_set())
    monitor.stop()
    assert seen
    remove()
    remove()


def test_a_failure_that_is_no_result_of_pcsc_is_survived(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service = ScriptedService(looks=[(0, [("R 00 00", 0x10)])])
    look = service.scard.SCardGetStatusChange
    failures = [False, True, True, True, False, True]

    def fail(*arguments: Any) -> object:
        if failures and failures.pop(0):
            raise SystemError("returned NULL without setting an exception: secret")
        return look(*arguments)

    service.scard.SCardGetStatusChange = fail
    events, waits, monitor = watch(service, monkeypatch, 4)
    # it backs off though the service is found each time, until the service itself ends
    assert waits == [0.25, 0.5, 1.0, 0.25]
    assert [event.what for event in events if event.what in (UP, DOWN)] == [UP, DOWN] * 4
    assert not monitor.view.service_is_up
    assert monitor.view.readers == {}
    told = [record.message for record in caplog.records]
    assert told == ["monitor of watch: SystemError"] * 3


def test_the_pause_begins_anew_after_a_long_time_without_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = ScriptedService()
    clocks: list[RecordingClock] = []

    def fail_late(*_: Any) -> object:
        clocks[0]._now += 60.0
        raise SystemError

    service.scard.SCardGetStatusChange = fail_late
    monkeypatch.setattr(monitor_module, "load_scard", lambda device, socket: service.scard)
    clocks.append(RecordingClock(3))
    monitor = ReaderMonitor("watch", clock=clocks[0])
    monitor.start()
    assert wait_until(lambda: monitor._stopping.is_set())
    monitor.stop()
    assert clocks[0].waits == [0.25] * 3


def test_it_says_whether_its_thread_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        monitor_module, "load_scard", lambda device, socket: ScriptedService().scard
    )
    monitor = ReaderMonitor("watch", clock=RecordingClock(50))
    assert not monitor.is_watching
    monitor.start()
    assert monitor.wait_ready(2.0)
    monitor.stop()
    assert not monitor.is_watching


@pytest.mark.pcsc
class TestRealService:
    """On a pcscd of our own."""

    @pytest.fixture(scope="class")
    def service(self) -> Iterator[PrivatePcscd]:
        if (reason := available()) is not None:
            pytest.skip(reason)
        with PrivatePcscd([READER]) as service:
            yield service

    @pytest.fixture
    def table(self) -> CardTable:
        return CardTable()

    @pytest.fixture
    def slot(self, service: PrivatePcscd, table: CardTable) -> Iterator[VpcdSlot]:
        slot = VpcdSlot(table, service.slot_port(READER, 0))
        yield slot
        slot.close()

    @pytest.fixture
    def events(self) -> list[MonitorEvent]:
        return []

    @pytest.fixture
    def monitor(
        self, service: PrivatePcscd, slot: VpcdSlot, events: list[MonitorEvent]
    ) -> Iterator[ReaderMonitor]:
        with ReaderMonitor("watch", str(service.socket_path)) as monitor:
            monitor.subscribe(events.append)
            assert monitor.wait_ready(2.0)
            yield monitor

    def test_cards_come_and_go(
        self, monitor: ReaderMonitor, table: CardTable, events: list[MonitorEvent]
    ) -> None:
        assert set(monitor.view.readers) == set(SLOTS)
        events.clear()
        before = monitor.view.readers[SLOTS[0]].counter
        for number, (holder, present) in enumerate([(ANDI, True), (None, False), (BUDI, True)], 1):
            table.lay(holder)
            assert wait_until(
                lambda present=present: monitor.view.readers[SLOTS[0]].present is present,  # type: ignore[misc]
                NOTICED_S,
            )
            assert monitor.view.readers[SLOTS[0]].counter == before + number
        assert [event.what for event in events] == [Sight.CARD_IN, Sight.CARD_OUT, Sight.CARD_IN]
        assert {event.reader for event in events} == {SLOTS[0]}

    def test_a_killed_service_is_noticed_at_once_and_found_again(
        self,
        service: PrivatePcscd,
        monitor: ReaderMonitor,
        table: CardTable,
        events: list[MonitorEvent],
    ) -> None:
        starts = monitor.view.service_starts
        service.kill()
        assert wait_until(lambda: not monitor.view.service_is_up, 0.2)
        service.start()
        assert wait_until(lambda: set(monitor.view.readers) == set(SLOTS), NOTICED_S)
        assert monitor.view.service_starts == starts + 1
        table.lay(ANDI)
        assert wait_until(lambda: monitor.view.readers[SLOTS[0]].present, NOTICED_S)
        assert [e.what for e in events if e.what in (UP, DOWN)][-2:] == [DOWN, UP]

    def test_a_reader_that_is_unplugged_is_away_until_it_is_back(
        self, service: PrivatePcscd, monitor: ReaderMonitor
    ) -> None:
        faults = Injector(pcsc_faults(access_module=False))
        remove = service.fail_with(faults)
        faults.inject(CardFault.UNPLUGGED)
        assert wait_until(
            lambda: monitor.view.service_is_up and not monitor.view.readers, NOTICED_S
        )
        faults.clear()
        assert wait_until(lambda: set(monitor.view.readers) == set(SLOTS), NOTICED_S)
        remove()

    def test_stopping_is_prompt_and_can_be_repeated(
        self, service: PrivatePcscd, slot: VpcdSlot
    ) -> None:
        for _ in range(20):
            monitor = ReaderMonitor("watch", str(service.socket_path))
            monitor.start()
            thread = monitor._thread
            assert thread is not None
            monitor.stop()
            monitor.stop()
            assert not thread.is_alive()
