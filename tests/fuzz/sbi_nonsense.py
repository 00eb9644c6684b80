"""Captures as a device with a bug would sign them: right JSON, wrong contents.

One thing is wrong in a case, rarely more, and hashes are computed anew, so that each check of an
answer is reached and not only the first one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from drivers.sbi.chain import START, next_hash
from drivers.sbi.iso19794.fields import RecordMalformed
from drivers.sbi.iso19794.finger import FingerCompression, parse_finger
from drivers.sbi.jws import decode_base64, encode_base64url
from tests.fuzz.harness import damage

Fields = dict[str, Any]

SIGNER: Final = "e30"
"""Header of a token that `CredulousTrust` takes for one of the device."""
OTHER_SIGNER: Final = "e31"
EARLIER: Final = "a transaction of an hour ago"
MOST_DAMAGES: Final = 2
HASH_LEFT_ALONE: Final = 0.05

_LEGAL: Final[Mapping[str, Sequence[object]]] = {
    "bioType": ("Iris", "Face", "finger"),
    "env": ("Staging", "Production", ""),
    "purpose": ("Auth", "registration"),
    "transactionId": (EARLIER, "somebody else's"),
    "timestamp": ("2001-01-01T00:00:00Z", "2026-11-23", "0001-01-01T00:00:00+23:59"),
    "qualityScore": (-1, "-0.1", 100.5, "nan", "1e999", True, "61", 61, [61]),
    "bioSubType": ("Left Thumb", "UNKNOWN", "Right IndexFinger"),
    "deviceCode": ("another", ""),
    "digitalId": ("..", "a.b.c", "e30.e30.e30"),
    "bioValue": ("", "?", "AAAA", "=" * 9),
}


def token(fields: object, signer: str = SIGNER) -> str:
    """Write a token that nobody has signed."""
    return f"{signer}.{encode_base64url(json.dumps(fields).encode())}.e30"


class Nonsense:
    """Makes bad answers of a good one.

    Args:
        answer: an RCAPTURE answer that holds, of fingers.
        seed: the same seed makes the same cases.
    """

    def __init__(self, answer: bytes, seed: int) -> None:
        self._items: list[Fields] = json.loads(answer)["biometrics"]
        self._payloads = [payload_of(item["data"]) for item in self._items]
        for item in self._items:
            del item["data"]  # written anew from the payload, unless a case puts something there
        self._records = [decode_base64(payload["bioValue"]) for payload in self._payloads]
        self._dice = random.Random(seed)  # noqa: S311  # reproducible, not secret

    def cases(self, count: int) -> Iterator[bytes]:
        """Yield `count` answers as they come off the wire."""
        kinds: tuple[Callable[[list[Fields], list[Fields]], None], ...] = (
            self._wrong_value,
            self._legal_but_wrong,
            self._swapped,
            self._damaged_record,
            self._wrong_record,
            self._wrong_identity,
            self._wrong_item,
            self._wrong_list,
        )
        for _ in range(count):
            items = [dict(item) for item in self._items]
            payloads = [dict(payload) for payload in self._payloads]
            for _ in range(self._dice.randint(1, MOST_DAMAGES)):
                self._dice.choice(kinds)(items, payloads)
            yield self._written(items, payloads)

    def _written(self, items: list[Fields], payloads: list[Fields]) -> bytes:
        last = START
        is_chained = self._dice.random() >= HASH_LEFT_ALONE
        for item, payload in zip(items, payloads, strict=True):
            item.setdefault("data", token(payload, item.pop("signer", SIGNER)))
            with suppress(KeyError, ValueError, AttributeError, TypeError):
                last = next_hash(last, decode_base64(payload["bioValue"]))
            if is_chained:
                item["hash"] = last
        return json.dumps({"biometrics": items}).encode()

    def _one(self, fields: list[Fields]) -> Fields:
        return self._dice.choice(fields)

    def _any_value(self, old: object) -> object:
        text = old if isinstance(old, str) else "x"
        return self._dice.choice(
            (None, 0, -1, 2**70, 1e308, True, [], {}, "", text[:-1], text * 40, [old], {"a": old})
        )

    def _wrong_value(self, items: list[Fields], payloads: list[Fields]) -> None:
        fields = self._one(payloads)
        key = self._dice.choice(sorted(self._payloads[0]))
        if self._dice.randrange(4):
            fields[key] = self._any_value(fields.get(key))
        else:
            fields.pop(key, None)

    def _legal_but_wrong(self, items: list[Fields], payloads: list[Fields]) -> None:
        key = self._dice.choice(sorted(_LEGAL))
        self._one(payloads)[key] = self._dice.choice(_LEGAL[key])

    def _swapped(self, items: list[Fields], payloads: list[Fields]) -> None:
        """Exchange two fields of an item, or one field of two items."""
        key, other = self._dice.sample(sorted(self._payloads[0]), 2)
        if self._dice.randrange(2):
            other = key
        first, second = self._one(payloads), self._one(payloads)
        first[key], second[other] = second.get(other), first.get(key)

    def _damaged_record(self, items: list[Fields], payloads: list[Fields]) -> None:
        record = bytearray(self._dice.choice(self._records))
        damaged = damage(record, self._records, self._dice)
        self._one(payloads)["bioValue"] = encode_base64url(bytes(damaged))

    def _wrong_record(self, items: list[Fields], payloads: list[Fields]) -> None:
        number = self._dice.randrange(len(payloads))
        good = parse_finger(self._records[number % len(self._records)])
        picture = damage(bytearray(good.image), [good.image], self._dice)
        changes: tuple[Fields, ...] = (
            {"position": self._dice.randrange(16)},
            {"width": good.width + 1},
            {"compression": self._dice.choice(list(FingerCompression))},
            {"image_sampling": (self._dice.randrange(2000),) * 2},
            {"bit_depth": self._dice.choice((1, 16))},
            {"impression": self._dice.randrange(30)},
            {"image": bytes(picture)},
        )
        with suppress(RecordMalformed):
            record = replace(good, **self._dice.choice(changes)).to_bytes()
            payloads[number]["bioValue"] = encode_base64url(record)

    def _wrong_identity(self, items: list[Fields], payloads: list[Fields]) -> None:
        fields = self._one(payloads)
        if not isinstance(fields.get("digitalId"), str) or fields["digitalId"].count(".") != 2:
            return
        identity = payload_of(self._payloads[0]["digitalId"])
        key = self._dice.choice(sorted(identity))
        identity[key] = self._any_value(identity[key])
        fields["digitalId"] = token(identity, self._dice.choice((SIGNER, SIGNER, OTHER_SIGNER)))

    def _wrong_item(self, items: list[Fields], payloads: list[Fields]) -> None:
        item = self._one(items)
        key, value = self._dice.choice(
            (
                ("specVersion", "0.9.2"),
                ("specVersion", None),
                ("error", {"errorCode": self._dice.choice(("101", "111", "701", "x", None))}),
                ("error", None),
                ("data", "a.b"),
                ("data", f"{SIGNER}.W10.e30"),
                ("data", None),
                ("signer", OTHER_SIGNER),
            )
        )
        item[key] = value

    def _wrong_list(self, items: list[Fields], payloads: list[Fields]) -> None:
        at, other = (self._dice.randrange(len(items)) for _ in range(2))
        match self._dice.randrange(3):
            case 0:
                del items[at], payloads[at]
            case 1:
                items.append(dict(items[at]))
                payloads.append(dict(payloads[at]))
            case _:
                payloads[at], payloads[other] = payloads[other], payloads[at]
        if not items:
            items.append({"error": {"errorCode": "0"}})
            payloads.append({})


def payload_of(compact: str) -> Fields:
    """Read a token without checking it."""
    fields: Fields = json.loads(decode_base64(compact.split(".")[1]))
    return fields
