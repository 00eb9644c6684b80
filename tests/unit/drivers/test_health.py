"""Counters of a device: what is counted when, and for how long it could be used."""

from __future__ import annotations

from threading import Event

from drivers.clock import FastClock
from drivers.health import Health, HealthRecord, Outages
from drivers.values import State


def let_pass(clock: FastClock, seconds: float) -> None:
    clock.wait(Event(), seconds)


def test_time_counts_while_the_device_can_be_used() -> None:
    clock = FastClock()
    record = HealthRecord(clock)
    record.moved(State.CLOSED, State.CONNECTING)
    let_pass(clock, 5)
    record.moved(State.CONNECTING, State.READY)
    let_pass(clock, 10)
    record.moved(State.READY, State.BUSY)
    let_pass(clock, 2)
    assert record.now.ready_s == 12
    record.moved(State.BUSY, State.LOST)
    let_pass(clock, 60)
    assert record.now == Health(connections=1, losses=1, ready_s=12)


def test_closing_is_no_loss() -> None:
    record = HealthRecord(FastClock())
    record.moved(State.CONNECTING, State.READY)
    record.moved(State.READY, State.CLOSED)
    assert record.now.losses == 0


def test_failures_are_remembered_with_their_time() -> None:
    clock = FastClock()
    record = HealthRecord(clock)
    record.verb_ended()
    record.verb_ended("DEV-201")
    let_pass(clock, 3)
    record.connect_failed("DEV-102")
    assert record.now == Health(
        refusals=1, verbs=2, failures=1, last_code="DEV-102", last_failed_at=clock.utc_now()
    )
    record.check_failed("DEV-103")
    record.verb_ended()
    assert record.now.last_code == "DEV-103", "a success does not hide the last error"


def test_outages_add_up_and_the_longest_is_kept() -> None:
    clock = FastClock()
    outages = Outages(clock)
    assert outages.newest_s == outages.total_s == outages.longest_s == 0
    for seconds in (4, 7, 2):
        outages.begin()
        let_pass(clock, seconds / 2)
        outages.begin()  # still the same one
        let_pass(clock, seconds / 2)
        outages.end()
        outages.end()
        let_pass(clock, 100)
    assert (outages.newest_s, outages.total_s, outages.longest_s) == (2, 13, 7)


def test_present_outage_counts_already() -> None:
    clock = FastClock()
    outages = Outages(clock)
    outages.begin()
    let_pass(clock, 9)
    assert outages.newest_s == outages.total_s == outages.longest_s == 9
