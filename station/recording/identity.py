"""Who sits there: the card's own words, and the finger that must be seen again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drivers.api import CardReader, Finger, Image, read_only
from drivers.errors import DeviceTimeout, NoCard
from drivers.values import Sample
from station.domain.biodata import Biodata
from station.domain.plan import SLAP_OF
from station.recording.attempt import Json, KeptSample
from station.recording.judging import Judge
from station.recording.progress import Progress

if TYPE_CHECKING:
    from station.biometrics.fingers.matching import FingerTemplate

CARD_PATIENCE = 5.0
"""Seconds to lay the card down after the operator asked for it."""

NO_ACCESS = "CARD-102"
"""The reader has no access module, or the card none of our applications."""
BAD_SIGNATURE = "CARD-103"
"""Somebody signed the content of the card, and the signature does not hold."""
TEST_CARD = "CARD-104"
"""A card of the simulation, on a desk that is none."""
NO_SIGNATURE = "CARD-105"
"""Nobody vouches for the content of the card: it is unsigned, or that cannot be checked here."""


@dataclass(frozen=True, slots=True)
class CardIdentification:
    """What a card said: biodata, or the reason why it cannot be read here.

    `code` is the error to show where there are no biodata, and a warning, or empty, where there are
    some. `facts` are what the record keeps about
    the card itself, without personal data: its kind, by which profile it was read and what became
    of the signature on its content.
    """

    biodata: Biodata | None
    reason: str = ""
    code: str = ""
    facts: Json = field(default_factory=dict)
    is_test_card: bool = False


async def read_card(reader: CardReader) -> CardIdentification:
    """Read the card that lies on `reader` or is laid there now; raises what its driver raises."""
    from drivers.card.identity import read_identity
    from drivers.card.signature import SignatureCheck

    try:
        await reader.wait_card(present=True, timeout=CARD_PATIENCE)
    except DeviceTimeout as error:
        raise NoCard(reader.name) from error
    reading = await read_identity(reader)
    facts: Json = {
        "kind": reading.kind.value,
        "simulated": reading.simulated,
        "profile": reading.source.value,
        "signature": reading.signature.value,
    }
    if reading.access_problem:
        facts["access_problem"] = reading.access_problem
    is_test = reading.simulated
    if reading.biodata is None:
        code = reading.access_problem or NO_ACCESS
        return CardIdentification(None, reading.biodata_absent_because, code, facts, is_test)
    values = dict(reading.biodata) | {"full_name": reading.biodata["name"]}
    verdicts = {SignatureCheck.VALID: "", SignatureCheck.INVALID: BAD_SIGNATURE}
    warning = reading.access_problem or verdicts.get(reading.signature, NO_SIGNATURE)
    biodata = Biodata.of("card", values)
    return CardIdentification(biodata, code=warning, facts=facts, is_test_card=is_test)


def finger_of(progress: Progress, finger: Finger) -> KeptSample | None:
    """The sample of `finger` from its slap; None when it was not captured."""
    for step in progress.done:
        if step.step in SLAP_OF:
            for sample in step.samples:
                if sample.position == finger:
                    return sample
    return None


async def reference_finger(
    progress: Progress, finger: Finger, judge: Judge
) -> FingerTemplate | None:
    """The template of `finger` from its slap; None when it was not captured."""
    kept = finger_of(progress, finger)
    if kept is None:
        return None
    sample = Sample(finger, read_only(_pixels(kept)), kept.resolution_ppi)
    return await judge.template(sample)


def _pixels(kept: KeptSample) -> Image:
    if kept.codec == "RAW":
        import numpy as np

        return np.frombuffer(kept.image_bytes, np.uint8).reshape(kept.height, kept.width).copy()
    from station.biometrics.codecs import decode

    return decode(kept.image_bytes)
