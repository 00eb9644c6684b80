"""Faults are switched by name, at any moment and from any thread, and tell who listens."""

from __future__ import annotations

import threading
from enum import StrEnum

import pytest

from simulators.injection import FaultNote, Injector, UnknownFault


class Fault(StrEnum):
    """Two faults of a device that does not exist."""

    SMOKE = "smoke"
    SPARK = "spark"


NOTES = {
    Fault.SMOKE: FaultNote("it smokes", "a smell"),
    Fault.SPARK: FaultNote("one spark", "a flash", once=True),
}


@pytest.fixture
def injector() -> Injector[Fault]:
    return Injector(NOTES, seed=3)


def test_fault_lasts_until_it_is_cleared(injector: Injector[Fault]) -> None:
    injector.inject("smoke")
    assert Fault.SMOKE in injector
    assert injector.active == (Fault.SMOKE,)
    assert injector.strikes(Fault.SMOKE)
    assert injector.strikes(Fault.SMOKE)
    injector.clear(Fault.SMOKE)
    assert not injector.strikes(Fault.SMOKE)
    assert not injector.active


def test_fault_that_strikes_once_is_over_after_that(injector: Injector[Fault]) -> None:
    injector.inject(Fault.SPARK)
    assert injector.strikes(Fault.SPARK)
    assert not injector.strikes(Fault.SPARK)


def test_everything_can_be_cleared_at_once(injector: Injector[Fault]) -> None:
    for fault in Fault:
        injector.inject(fault)
    assert injector.active == (Fault.SMOKE, Fault.SPARK)
    injector.clear()
    assert not injector.active


@pytest.mark.parametrize("change", ["inject", "clear"])
def test_unknown_name_lists_those_that_exist(injector: Injector[Fault], change: str) -> None:
    with pytest.raises(UnknownFault, match="fire is not one of: smoke, spark"):
        getattr(injector, change)("fire")


def test_listener_hears_changes_only(injector: Injector[Fault]) -> None:
    heard: list[tuple[Fault, bool]] = []
    remove = injector.subscribe(lambda fault, active: heard.append((fault, active)))
    for _ in range(2):
        injector.inject(Fault.SMOKE)
    for _ in range(2):
        injector.clear(Fault.SMOKE)
    injector.inject(Fault.SPARK)
    injector.strikes(Fault.SPARK)
    assert heard == [
        (Fault.SMOKE, True),
        (Fault.SMOKE, False),
        (Fault.SPARK, True),
        (Fault.SPARK, False),
    ]
    remove()
    remove()
    injector.inject(Fault.SMOKE)
    assert len(heard) == 4


def test_listener_may_ask_and_change(injector: Injector[Fault]) -> None:
    def put_out(fault: Fault, active: bool) -> None:
        if active:
            assert fault in injector
            injector.clear(fault)

    injector.subscribe(put_out)
    injector.inject(Fault.SMOKE)
    assert not injector.active


def test_one_shot_strikes_one_of_many_threads(injector: Injector[Fault]) -> None:
    injector.inject(Fault.SPARK)
    struck: list[bool] = []
    start = threading.Barrier(8)

    def strike() -> None:
        start.wait()
        struck.append(injector.strikes(Fault.SPARK))

    threads = [threading.Thread(target=strike) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(struck) == 1


def test_where_it_strikes_is_seeded() -> None:
    draws = [Injector(NOTES, seed=3).random.random() for _ in range(2)]
    assert draws[0] == draws[1] != Injector(NOTES, seed=4).random.random()
