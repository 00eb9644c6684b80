"""Errors at the edge of the command line: a code, a sentence, what to do; never a traceback."""

from __future__ import annotations

from types import TracebackType

import typer

from drivers.errors import DeviceError
from station.errors import StationError

EXIT_FAILED = 1


class Reported:
    """Turn the errors that we know into one message on standard error and exit status 1."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, StationError | DeviceError):
            typer.echo(explain(error.code, error.detail), err=True)
            raise SystemExit(EXIT_FAILED) from error


def explain(code: str, detail: str) -> str:
    """One line what happened, one line what to do."""
    from station.i18n import Translator
    from station.messages import explain as look_up

    translate = Translator()
    translate.use("en")
    message, action = look_up(code, translate)
    first = f"[{code}] {message}" + (f" ({detail})" if detail else "")
    return f"{first}\n  {action}"
