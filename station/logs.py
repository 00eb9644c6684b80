"""The station's log: JSON lines in a file, nothing on the terminal, nothing personal.

Every `logging.getLogger(__name__)` of the program ends here. What could be a NIK is masked, values
named like biodata are dropped, and of an exception only its class and the places it passed through
are kept: its text may hold anything.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

import structlog
from structlog.typing import Processor

from station.domain.biodata import FIELDS

LOG_FOLDER: Final = "logs"
LOG_NAME: Final = "rekam.log"
MAX_BYTES: Final = 5_000_000
KEPT_FILES: Final = 5
MASK: Final = "****************"
DROPPED: Final = "[dropped]"
_LONG_NUMBER = re.compile(r"\d{16,}")
_PERSONAL = frozenset(FIELDS)
_VERSIONS = ("rekam", "opencv-python", "textual", "cryptography")

EventDict = MutableMapping[str, Any]


class _LogFile(RotatingFileHandler):
    """Readable by its owner only; every file begins with versions and configuration."""

    def __init__(self, path: Path, first: Mapping[str, str]) -> None:
        self._first = dict(first)
        super().__init__(path, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.baseFilename, flags, 0o600)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding="utf-8")

    def doRollover(self) -> None:  # noqa: N802  # as the base names it
        super().doRollover()
        self.begin()

    def begin(self) -> None:
        """Write the first line of a file."""
        record = logging.makeLogRecord(
            {"name": __name__, "levelno": logging.INFO, "levelname": "INFO", "msg": "log begins"}
            | self._first
        )
        logging.FileHandler.emit(self, record)  # that of the base could rotate again

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say nothing: standard error is the screen, and a full disk is told elsewhere."""


_handler: logging.Handler | None = None


def configure(data: Path | None, configuration_sha256: str = "") -> None:
    """Log to `data`/logs/rekam.log, or nowhere when None; nothing goes to standard error.

    Raises:
        OSError: the folder or the file cannot be made.
    """
    global _handler  # as the root logger: one a process
    shut_down()
    handler: logging.Handler = logging.NullHandler()
    if data is not None:
        handler = _file(data, configuration_sha256)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    _handler = handler
    if isinstance(handler, _LogFile):
        handler.begin()


def shut_down() -> None:
    """Close the file and take it off the root logger; repeated calls do nothing."""
    global _handler
    if _handler is not None:
        handler, _handler = _handler, None
        logging.getLogger().removeHandler(handler)
        logging.captureWarnings(False)
        with contextlib.suppress(OSError):
            handler.close()  # what the disk did not take is lost


def _file(data: Path, configuration_sha256: str) -> _LogFile:
    folder = data / LOG_FOLDER
    for part in (data, folder):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
    first = {name.replace("-", "_"): _version(name) for name in _VERSIONS}
    first["python"] = ".".join(map(str, sys.version_info[:3]))
    first["configuration_sha256"] = configuration_sha256
    handler = _LogFile(folder / LOG_NAME, first)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _places_only,
                redact,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    return handler


def _shared() -> list[Processor]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def _places_only(logger: object, method: str, event: EventDict) -> EventDict:
    """Replace an exception by its class and the lines it passed through, the innermost last."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        event["exception"] = info[0].__name__
        frames = traceback.extract_tb(info[2])
        event["places"] = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames]
    return event


def redact(logger: object, method: str, event: EventDict) -> EventDict:
    """Mask whatever has sixteen digits in a row and drop values that are named like biodata."""
    return {name: _redacted(name, value) for name, value in event.items()}


def _redacted(name: str, value: Any) -> Any:
    if name in _PERSONAL:
        return DROPPED
    match value:
        case None | bool() | float():
            return value
        case int():
            return MASK if _LONG_NUMBER.search(str(value)) else value
        case str():
            return _LONG_NUMBER.sub(MASK, value)
        case Mapping():
            return {str(key): _redacted(str(key), inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_redacted("", inner) for inner in value]
        case _:
            return _LONG_NUMBER.sub(MASK, repr(value))
