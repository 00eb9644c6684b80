"""The log is a file of JSON lines that holds nothing personal, and says nothing on the terminal."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from station import logs

NIK = "3201014107900001"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    logs.shut_down()
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def lines(data: Path) -> list[dict[str, Any]]:
    text = (data / "logs" / "rekam.log").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_first_line_tells_versions_and_configuration(tmp_path: Path) -> None:
    logs.configure(tmp_path / "data", "ab" * 32)
    (first,) = lines(tmp_path / "data")
    assert first["configuration_sha256"] == "ab" * 32
    assert first["rekam"]
    assert first["cryptography"][0].isdigit()


def test_nik_is_masked_wherever_it_stands(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure(tmp_path)
    log = logging.getLogger("station.somewhere")
    log.warning("card %s was read", NIK)
    log.warning("extra", extra={"number": int(NIK), "deep": {"list": [f"x{NIK}y"]}})
    structlog.get_logger("station.other").error("as value", what=Path(NIK))
    text = (tmp_path / "logs" / "rekam.log").read_text()
    assert NIK not in text
    card, extra, value = lines(tmp_path)[1:]
    assert card["event"] == f"card {logs.MASK} was read"
    assert (extra["number"], extra["deep"]["list"]) == (logs.MASK, [f"x{logs.MASK}y"])
    assert logs.MASK in value["what"]
    assert [line["level"] for line in lines(tmp_path)[1:]] == ["warning", "warning", "error"]
    assert capfd.readouterr() == ("", "")


def test_values_named_like_biodata_are_dropped(tmp_path: Path) -> None:
    logs.configure(tmp_path)
    logging.getLogger("x").info("seen", extra={"full_name": "Budi", "more": {"address": "Jl. A"}})
    line = lines(tmp_path)[-1]
    assert line["full_name"] == logs.DROPPED
    assert line["more"] == {"address": logs.DROPPED}


def test_of_an_exception_only_class_and_places_are_kept(tmp_path: Path) -> None:
    logs.configure(tmp_path)
    try:
        raise ValueError("Budi Santoso")
    except ValueError:
        logging.getLogger("x").exception("failed")
    line = lines(tmp_path)[-1]
    assert line["exception"] == "ValueError"
    assert "test_logs.py" in line["places"][-1]
    assert "Budi" not in json.dumps(line)


def test_file_and_folder_are_private(tmp_path: Path) -> None:
    logs.configure(tmp_path / "data")
    folder = tmp_path / "data" / "logs"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "rekam.log").stat().st_mode) == 0o600


def test_every_rotated_file_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 600)
    logs.configure(tmp_path, "cd" * 32)
    for _ in range(5):
        logging.getLogger("x").info("a" * 200)
    files = sorted((tmp_path / "logs").glob("rekam.log*"))
    assert len(files) > 1
    for file in files:
        first = json.loads(file.read_text().splitlines()[0])
        assert first["configuration_sha256"] == "cd" * 32
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_a_folder_nothing_is_said_anywhere(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure(None)
    logging.getLogger("x").error("nobody hears this")
    assert capfd.readouterr() == ("", "")


def test_full_disk_under_the_log_is_not_told_on_the_screen(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "rekam.log").symlink_to("/dev/full")
    logs.configure(tmp_path)
    logging.getLogger("x").error("no room")
    assert capfd.readouterr() == ("", "")
