"""Errors at the edge of the command line: a code, a sentence, what to do; never a traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
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
    message, action = sentences(code)
    first = f"[{code}] {message}" + (f" ({detail})" if detail else "")
    return f"{first}\n  {action}"


def sentences(code: str) -> tuple[str, str]:
    """What happened and what to do, in English."""
    from station.i18n import Translator
    from station.messages import explain as look_up

    return look_up(code, Translator("en"))


def surviving_output(command: Callable[[], object]) -> None:
    """Run a whole command line; what the system refuses becomes one line and exit status 1.

    A reader that went away, a full disk behind standard output, a folder that cannot be made: none
    of them is a fault of the program.
    """
    try:
        command()
    except OSError as error:
        if error.errno != errno.EPIPE:
            _say(f"rekam: {reason_of(error)}")
        raise SystemExit(EXIT_FAILED) from error
    finally:
        _let_go_of_output()


def reason_of(error: OSError) -> str:
    """The system's own words, with the file where it names one."""
    words = error.strerror or type(error).__name__
    return words if error.filename is None else f"{error.filename}: {words}"


def _say(text: str) -> None:
    try:
        typer.echo(text, err=True)
    except OSError:
        return  # nobody can be told


def _let_go_of_output() -> None:
    """Point an output that refuses what is still buffered elsewhere: the end would complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
