"""`rekam assess`: not acceptable is another answer than not readable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from station.commands.assess import run


def assess(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    status = run("finger", [path], "right_four", 2, 500.0, as_json=True)
    (result,) = json.loads(capsys.readouterr().out)
    assert isinstance(result, dict)
    return status, result


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("absent.png", 2, "no such file or directory"),
        ("", 2, "is a folder"),
        ("text.png", 1, "no usable picture: not a known image format"),
    ],
)
def test_absent_folder_and_damaged_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, status: int, reason: str
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    found, result = assess(tmp_path / name, capsys)
    assert (found, result["reason"]) == (status, reason)
    assert result["acceptable"] is False


def test_decoders_do_not_speak(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (300, 300), dtype=np.uint8)
    whole = bytearray(cv2.imencode(".png", noise)[1].tobytes())
    whole[len(whole) // 2] ^= 0xFF
    (tmp_path / "cut.png").write_bytes(whole)
    assert run("finger", [tmp_path / "cut.png"], "right_four", 2, 500.0, as_json=False) == 1
    assert capfd.readouterr().err == ""


def test_unrated_print_has_no_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "white.png"
    cv2.imwrite(str(path), np.full((300, 300), 255, np.uint8))
    status, result = assess(path, capsys)
    assert status == 1
    assert (result["nfiq2"], result["unrated"]) == (None, True)
    assert run("finger", [path], "right_four", 2, 500.0, as_json=False) == 1
    out = capsys.readouterr().out
    assert "unrated" in out
    assert " 255 " not in out
