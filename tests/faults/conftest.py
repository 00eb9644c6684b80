"""The option that writes the expected tables of the fault matrix anew."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-matrix", action="store_true", help="Write the tables of the fault matrix anew."
    )


@pytest.fixture
def update_matrix(request: pytest.FixtureRequest) -> bool:
    """Whether `--update-matrix` was given."""
    return bool(request.config.getoption("--update-matrix", default=False))
