"""Reading of JSON that a service sent: nothing about its shape is taken for granted."""

from __future__ import annotations

from drivers.errors import DeviceError, ProtocolError
from drivers.sbi.codes import SUCCESS, error_for

JsonObject = dict[str, object]


def text(fields: JsonObject, key: str) -> str:
    """Return a text value, or "" when it is absent or of another type."""
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def texts(fields: JsonObject, key: str) -> tuple[str, ...]:
    """Return a list of texts; some services write numbers in it."""
    value = fields.get(key)
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def child(fields: JsonObject, key: str) -> JsonObject:
    """Return an object inside an object, or an empty one."""
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def objects(answer: object, device: str) -> list[JsonObject]:
    """Return an array of objects.

    Raises:
        ProtocolError: the answer is anything else.
    """
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise ProtocolError(device, "answer is no array of objects")
    return answer


def error_code(fields: JsonObject) -> str:
    """Return the `errorCode` of an item, wrapped in `error` or not; "0" is success."""
    wrapped = child(fields, "error") or fields
    code = wrapped.get("errorCode", "")
    return str(code).strip() if isinstance(code, str | int) else ""


def error_of(answer: object, device: str) -> DeviceError:
    """Translate a refusal into the error to raise."""
    if not isinstance(answer, dict):
        return ProtocolError(device, "refusal is no object")
    code = error_code(answer)
    if not (code.isascii() and code.isdigit()) or len(code) > 6 or code == SUCCESS:
        return ProtocolError(device, "refusal without an error code")
    return error_for(code, device)
