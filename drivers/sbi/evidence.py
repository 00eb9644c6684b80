"""What is kept of a signed capture, so that anybody can verify it again with the record beside it.

Source: the detached form of SBI 0.9.5, `header..signature` together with the payload in which the
record is replaced by a placeholder. The record lies beside it and would otherwise be kept twice.
"""

from __future__ import annotations

from drivers.sbi.answers import text
from drivers.sbi.jws import Token, encode_base64url
from drivers.values import BIO_VALUE_PLACEHOLDER


def keep_payload(token: Token, record: bytes) -> str:
    """Return what to keep of the payload of a verified token that carries `record`.

    The shortest form from which `rebuild_token` makes the received token again: the JSON text with
    the placeholder; the complete JSON text, when the device spells the record in another base64;
    the encoded payload itself, when the device spells that in another base64.
    """
    payload, value = token.payload_text, text(token.payload, "bioValue")
    short = payload.replace(f'"{value}"', f'"{BIO_VALUE_PLACEHOLDER}"', 1)
    for kept in (short, payload):
        if rebuild_token(token.detached, kept, record) == token.compact:
            return kept
    return token.encoded_payload


def rebuild_token(token: str, payload: str, record: bytes) -> str:
    """Return the compact token as the device sent it, for `verify_token`.

    Args:
        token: the detached form, `header..signature`.
        payload: what `keep_payload` returned.
        record: the device's record, byte for byte.

    Raises:
        ValueError: `token` has no detached form.
    """
    parts = token.split(".")
    if len(parts) != 3 or parts[1]:
        raise ValueError("no detached token")
    # JSON needs a brace and base64 has none, so an encoded payload is recognised
    if "{" in payload:
        complete = payload.replace(BIO_VALUE_PLACEHOLDER, encode_base64url(record), 1)
        payload = encode_base64url(complete.encode("utf-8"))
    return f"{parts[0]}.{payload}.{parts[2]}"
