"""SIGKILL at any moment loses nothing that was promised.

A kill does not lose the page cache, so this is about the order of operations and about recovery;
what fsync is for is covered by the order of calls in test_journal.py and test_store.py.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from station.records.journal import Journal, find_unfinished
from station.records.rows import RecordState
from station.records.store import RecordStore

WORKER = Path(__file__).with_name("crash_worker.py")
ROOT = Path(__file__).parents[3]
KILLS = 20
IDS_PER_RUN = 10_000


def run_and_kill(root: Path, first: int, promises: int, delay: float) -> list[str]:
    """Kill the worker `delay` seconds (below 0.01) after its promise number `promises`."""
    command = [sys.executable, str(WORKER), str(root), str(first)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as worker:
        assert worker.stdout is not None
        lines = [worker.stdout.readline() for _ in range(promises)]
        time.sleep(delay)
        worker.kill()
        lines += worker.stdout.readlines()
    assert worker.returncode == -9, "the worker ended by itself"
    return [line.strip() for line in lines]


def check_journals(root: Path, promised: dict[str, int], stored: set[str]) -> None:
    found = {}
    for path in find_unfinished(root / "journal"):
        journal, entries = Journal.resume(path, bytes(32))
        found[journal.session_id] = [entry.event["step"] for entry in entries]
        assert all(len(entry.blobs[0]) == 40_000 for entry in entries)
        journal.wipe()
    for session, steps in found.items():
        assert steps == list(range(len(steps)))
        assert len(steps) >= promised.get(session, 0)
    for session in promised:
        assert session in found or session in stored


def test_kills_lose_no_promise(tmp_path: Path) -> None:
    rng = random.Random(20261123)  # noqa: S311  # seeds must repeat
    acknowledged: set[str] = set()
    for run in range(KILLS):
        lines = run_and_kill(
            tmp_path, run * IDS_PER_RUN, rng.randint(1, 14), rng.uniform(0.0, 0.004)
        )
        promised: dict[str, int] = defaultdict(int)
        for line in lines:
            kind, record_id, *step = line.split()
            if kind == "R":
                acknowledged.add(record_id)
            else:
                promised[record_id] = int(step[0]) + 1
        with RecordStore(tmp_path / "store", station="s") as store:
            records = store.records()
            stored = {record.record_id for record in records}
            assert acknowledged <= stored
            assert all(record.state is RecordState.SEALED for record in records)
            assert store.check_objects() == []
            assert store.verify_chain().is_sound
        check_journals(tmp_path, promised, stored)
    assert not list((tmp_path / "store" / "objects").glob("??/.*"))
    assert len(acknowledged) >= KILLS // 4  # a slow machine acknowledges less between kills
