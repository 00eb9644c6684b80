"""Talk to the control address of a simulated desk that runs in another process."""

from __future__ import annotations

import json
import tomllib
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

TIMEOUT_S = 60.0
"""Growing the ten fingers of a resident takes some seconds, the first time."""
UNPLUGS = ("unplug", "reader-unplugged")
"""What the fault of a pulled plug is called; a card reader is told apart from its card."""
LONGEST_ANSWER = 1024 * 1024


class ControlFailed(Exception):
    """No desk answers, or it refuses; the text says which and why."""


@dataclass(frozen=True, slots=True)
class RoleFaults:
    """The faults of one role's device: name to what happens, and the names of the active ones."""

    known: Mapping[str, str]
    active: tuple[str, ...]


class DeskControl:
    """One desk at its control address, such as `http://127.0.0.1:40001`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost"):
            raise ControlFailed(f"{url}: a simulated desk listens on http://127.0.0.1:PORT only")
        self._url = url.rstrip("/")

    @classmethod
    def of_folder(cls, folder: Path) -> Self:
        """The desk whose station.toml lies in `folder`."""
        file = folder / "station.toml"
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
            return cls(str(values["simulation"]["control"]))
        except FileNotFoundError as error:
            raise ControlFailed(f"{file}: no such file; start `rekam-sim lab` first") from error
        except OSError as error:
            raise ControlFailed(f"{file}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ControlFailed(f"{file}: names no simulated desk") from error

    def faults(self) -> dict[str, RoleFaults]:
        """Every role with its faults."""
        answer = self._ask("/faults")
        try:
            return {
                role: RoleFaults(
                    {name: str(note["happens"]) for name, note in told["faults"].items()},
                    tuple(told["active"]),
                )
                for role, told in answer.items()
            }
        except (TypeError, KeyError, AttributeError) as error:
            raise ControlFailed(self._no_desk()) from error

    def inject(self, role: str, fault: str) -> tuple[str, ...]:
        """Make a fault active; return those that are active now."""
        return self._change(role, fault, active=True)

    def clear(self, role: str, fault: str | None = None) -> tuple[str, ...]:
        """End a fault, or all of a role; return those that are active now."""
        return self._change(role, fault, active=False)

    def unplug(self, role: str) -> tuple[str, ...]:
        """Pull the plug of a device; return the faults that are active now."""
        return self.inject(role, self._unplug_of(role))

    def plug(self, role: str) -> tuple[str, ...]:
        """Plug a device in again; return the faults that are active now."""
        return self.clear(role, self._unplug_of(role))

    def _unplug_of(self, role: str) -> str:
        roles = self.faults()
        if role not in roles:
            raise ControlFailed(f"{role!r} is not one of: {', '.join(roles)}")
        for name in UNPLUGS:
            if name in roles[role].known:
                return name
        raise ControlFailed(f"{role} has no fault of the names: {', '.join(UNPLUGS)}")

    def seat(self, number: int) -> None:
        """Seat resident `number`, from 1."""
        self._ask("/seat", {"resident": number})

    def _change(self, role: str, fault: str | None, *, active: bool) -> tuple[str, ...]:
        answer = self._ask("/faults", {"role": role, "fault": fault, "active": active})
        return tuple(answer.get("active", ()))

    def _ask(self, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data)  # noqa: S310  # loopback
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310  # loopback
                told = json.loads(answer.read(LONGEST_ANSWER))
        except urllib.error.HTTPError as error:
            with error:
                raise ControlFailed(_reason(error) or self._no_desk(error.code)) from error
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise ControlFailed(
                f"no simulated desk answers at {self._url} ({reason}); start `rekam-sim lab`"
            ) from error
        except (ValueError, HTTPException) as error:
            raise ControlFailed(self._no_desk()) from error
        if not isinstance(told, dict):
            raise ControlFailed(self._no_desk())
        return told

    def _no_desk(self, status: int = 200) -> str:
        """Say that something else listens at the address, and where the right one is written."""
        answers = "" if status == HTTPStatus.OK else f" (it answers HTTP {status})"
        return (
            f"what listens at {self._url} is no simulated desk{answers}; `rekam-sim lab` prints "
            "the address of its desk under [simulation]"
        )


def _reason(error: urllib.error.HTTPError) -> str:
    """What a desk says of a request that it refuses; empty when that was no desk."""
    try:
        told = json.loads(error.read(LONGEST_ANSWER))["error"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return told if isinstance(told, str) else ""
