"""A small JSON service on 127.0.0.1, by which a simulated device or desk is controlled."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)

LARGEST_REQUEST: Final = 4096
PATIENCE_S: Final = 10.0
"""Seconds that a client may take to send its request."""
_POLL_S: Final = 0.02


class RefusedRequest(ValueError):
    """The request cannot be done; the text says why and what there is."""


class NothingThere(ValueError):
    """The service does not know this verb and path; the text says which it knows."""


class JsonService(Generic[T]):
    """Serve what `handler` answers for `subject` on a free port, from `start` to `close`."""

    def __init__(self, handler: type[JsonHandler[T]], subject: T, name: str) -> None:
        self._server = _Server(handler, subject)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name=name
        )

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Start to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop to answer; works before `start` too."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer, Generic[T]):
    daemon_threads = False

    def __init__(self, handler: type[JsonHandler[T]], subject: T) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.subject = subject


class JsonHandler(BaseHTTPRequestHandler, Generic[T]):
    """What the handlers of such services do alike; a service says in `reply` what it answers."""

    server: _Server[T]
    timeout = PATIENCE_S

    @property
    def subject(self) -> T:
        """What is served."""
        return self.server.subject

    def reply(self, verb: str) -> Mapping[str, Any]:
        """Do what `verb` asks of `self.path` and return the answer.

        Raises:
            NothingThere: see there.
            ValueError, TypeError: it cannot be done; the text says why.
        """
        raise NotImplementedError

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def _serve(self, verb: str) -> None:
        try:
            self._answer(HTTPStatus.OK, self.reply(verb))
        except NothingThere as error:
            self._answer(HTTPStatus.NOT_FOUND, {"error": str(error)})
        except (ValueError, TypeError) as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    def log_message(self, format: str, *args: object) -> None:  # as the base names it
        log.debug(format, *args)

    def read_body(self) -> bytes:
        """Return the body of the request.

        Raises:
            RefusedRequest: its length is not stated, or not 1 to 4096 bytes.
        """
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal() and 0 < int(length) <= LARGEST_REQUEST):
            raise RefusedRequest(f"a body of 1 to {LARGEST_REQUEST} bytes is needed")
        return self.rfile.read(int(length))

    def _answer(self, status: HTTPStatus, body: Mapping[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def parse_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RefusedRequest: it is none.
    """
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedRequest("the body is no JSON") from error
    if not isinstance(values, dict):
        raise RefusedRequest("the body is no JSON object")
    return values
