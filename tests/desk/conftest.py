"""Fixtures of the screens: a known terminal, and the option that rewrites the pictures."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-screens",
        action="store_true",
        default=False,
        help="rewrite tests/desk/screens/*.txt with what the screens show now",
    )


@pytest.fixture
def update_screens(request: pytest.FixtureRequest) -> bool:
    """Whether the committed pictures are to be rewritten; off unless this folder is named."""
    return bool(request.config.getoption("--update-screens", default=False))


@pytest.fixture(autouse=True)
def colour_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal with colours, whatever the machine that runs the tests has."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
