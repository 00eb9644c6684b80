"""What must hold for the repository as a whole."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("station", "drivers", "calibration", "simulators")


def test_every_package_says_what_lives_there() -> None:
    silent = [
        str(init.relative_to(ROOT))
        for package in PACKAGES
        for init in (ROOT / package).rglob("__init__.py")
        if len(init.read_text().strip()) < 40
    ]
    assert silent == []


def test_the_lock_has_a_hash_for_everything_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text()
    names = re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE)
    blocks = re.split(r"^(?=[A-Za-z0-9_.-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(names) == len(blocks)
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    explained = (ROOT / "docs" / "reference" / "dependencies.md").read_text().lower()
    names = [re.split(r"[=<>]", name)[0] for name in wanted]
    assert [name for name in names if name.lower() not in explained] == []


def test_opencv_stand_in_has_the_same_version() -> None:
    pattern = r"^opencv-python(?:-headless)?==(\S+)"
    versions = {
        re.search(pattern, (ROOT / name).read_text(), re.MULTILINE).group(1)  # type: ignore[union-attr]
        for name in ("requirements.lock", ".ci/headless.lock")
    }
    assert len(versions) == 1
