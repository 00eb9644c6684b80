"""Run by test_crash.py: accepts captures and seals records until it is killed.

Every line on standard output is a promise: `J <session> <number>` after an entry is in the
journal, `R <id>` after a record is in the store.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from station.records.journal import Journal
from station.records.rows import RecordMeta
from station.records.store import RecordStore

CAPTURE_BYTES = 40_000


def promise(line: str) -> None:
    # one system call a line: a kill can cut no promise in two
    os.write(1, f"{line}\n".encode())


def main(root: Path, first: int) -> None:
    with RecordStore(root / "store", station="s") as store:
        for number in range(first, first + 10_000):
            record_id = f"0190a3b0-7c1e-7e2a-9d0e-{number:012x}"
            journal = Journal.create(root / "journal", record_id, bytes(32))
            for step in range(4):
                journal.append({"step": step}, [os.urandom(CAPTURE_BYTES)])
                promise(f"J {record_id} {step}")
            sealed = os.urandom(CAPTURE_BYTES)
            store.commit(sealed, b"signature", RecordMeta(record_id, "op", ()))
            promise(f"R {record_id}")
            journal.wipe()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
