"""What the static graph cannot see: which libraries a process really loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"cv2", "smartcard", "serial", "textual", "nbis", "nistitl"}


def loaded_by(statement: str) -> set[str]:
    script = f"import sys; {statement}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in result.stdout.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import drivers.api",
        "import drivers.registry; drivers.registry.names()",
        "import station.cli",
        "import simulators.cli",
        "import station.domain.nik, station.domain.plan",
    ],
)
def test_nothing_heavy_is_loaded(statement: str) -> None:
    assert not HEAVY & loaded_by(statement)


def test_the_domain_needs_no_arrays() -> None:
    assert "numpy" not in loaded_by("import station.domain.nik, station.domain.biodata")


def test_configured_drivers_open_no_library() -> None:
    statement = "from drivers import registry; [registry.load(n) for n in registry.names()]"
    assert not {"cv2", "smartcard"} & loaded_by(statement)
