"""The words of the desk for everything that has a code: steps, fingers, states, measures, reasons.

All are English and marked; they are translated where they are shown.
"""

from __future__ import annotations

from drivers.positions import Finger
from station.domain.plan import Step
from station.i18n import N_, Translator
from station.recording.capture import CaptureState
from station.recording.policy import Option
from station.records.content import Missing

STEPS = {
    Step.IDENTIFY: N_("Identity"),
    Step.PORTRAIT: N_("Portrait"),
    Step.RIGHT_FOUR: N_("Right four fingers"),
    Step.LEFT_FOUR: N_("Left four fingers"),
    Step.THUMBS: N_("Both thumbs"),
    Step.IRISES: N_("Irises"),
    Step.VERIFICATION: N_("Index verification"),
    Step.REVIEW: N_("Review"),
    Step.SEAL: N_("Seal"),
}

SHORT_STEPS = {
    Step.IDENTIFY: N_("ID"),
    Step.PORTRAIT: N_("Photo"),
    Step.RIGHT_FOUR: N_("Right 4"),
    Step.LEFT_FOUR: N_("Left 4"),
    Step.THUMBS: N_("Thumbs"),
    Step.IRISES: N_("Iris"),
    Step.VERIFICATION: N_("Index"),
    Step.REVIEW: N_("Review"),
}

FINGERS = {
    Finger.RIGHT_THUMB: N_("Right thumb"),
    Finger.RIGHT_INDEX: N_("Right index"),
    Finger.RIGHT_MIDDLE: N_("Right middle"),
    Finger.RIGHT_RING: N_("Right ring"),
    Finger.RIGHT_LITTLE: N_("Right little"),
    Finger.LEFT_THUMB: N_("Left thumb"),
    Finger.LEFT_INDEX: N_("Left index"),
    Finger.LEFT_MIDDLE: N_("Left middle"),
    Finger.LEFT_RING: N_("Left ring"),
    Finger.LEFT_LITTLE: N_("Left little"),
}

ROLES = {
    "face": N_("Camera"),
    "scanner": N_("Fingerprint scanner"),
    "iris": N_("Iris scanner"),
    "verifier": N_("Verification finger"),
    "card": N_("Card reader"),
}

DEVICE_STATES = {
    "closed": N_("not connected"),
    "connecting": N_("connecting"),
    "ready": N_("ready"),
    "busy": N_("busy"),
    "lost": N_("disconnected"),
}

STATUSES = {
    "pending": N_("not yet"),
    "current": N_("now"),
    "done": N_("captured"),
    "best": N_("best of attempts"),
    "excepted": N_("exception"),
}
STATUS_SIGNS = {"pending": "○", "current": "●", "done": "✓", "best": "✓", "excepted": "⊘"}

CAPTURE_STATES = {
    CaptureState.PREPARE: N_("Preparing the device ..."),
    CaptureState.POSITION: N_("Ready: press F5"),
    CaptureState.ACQUIRE: N_("Capturing: please hold still"),
    CaptureState.ASSESS: N_("Checking the quality ..."),
    CaptureState.DECIDE: N_("Attempts used up: press F10"),
    CaptureState.ACCEPTED: N_("Good. Saving ..."),
    CaptureState.EXCEPTED: N_("Exception. Saving ..."),
}

OPTIONS = {
    Option.USE_BEST: N_("Use the best of all attempts"),
    Option.REPEAT: N_("Try again from the beginning"),
    Option.OTHER_INDEX: N_("Use the other index finger"),
    Option.EXCEPT: N_("Record an exception"),
}

EXCEPTION_REASONS = {
    Missing.AMPUTATED.value: N_("Missing (permanent)"),
    Missing.BANDAGED.value: N_("Bandage, cast or wound (temporary)"),
    Missing.DAMAGED.value: N_("Unreadable: worn skin, disease, stiff"),
    Missing.NOT_CAPTURED.value: N_("Not captured: device missing or broken"),
}
"""What `except_step` may be given; the codes are those of the record."""

BEST_REASONS = {
    "worn": N_("Worn or damaged skin"),
    "cannot-hold-still": N_("Tremor or cannot hold still"),
    "cannot-position": N_("Cannot lay or turn it as asked"),
    "resident-tired": N_("The resident is tired"),
    "device": N_("The device gives no better picture"),
}

CANCEL_REASONS = {
    "resident-left": N_("The resident left"),
    "wrong-person": N_("Wrong person or wrong NIK"),
    "resident-declined": N_("The resident does not want to go on"),
    "device-broken": N_("A device is broken"),
    "training": N_("It was a trial"),
}

REOPEN_REASONS = {
    "quality": N_("The quality should be better"),
    "wrong-part": N_("Wrong finger, hand or eye"),
    "resident-asked": N_("The resident asked for it"),
}

BIODATA = (
    (N_("NIK"), ("nik",), ""),
    (N_("Full name"), ("full_name",), ""),
    (N_("Place, date of birth"), ("place_of_birth", "date_of_birth"), ", "),
    (N_("Sex, blood type"), ("sex", "blood_type"), ", "),
    (N_("Address"), ("address",), ""),
    (N_("RT/RW"), ("rt", "rw"), "/"),
    (N_("Village"), ("village",), ""),
    (N_("District"), ("district",), ""),
    (N_("Regency, province"), ("regency", "province"), ", "),
    (N_("Religion, belief"), ("religion",), ""),
    (N_("Marital status"), ("marital_status",), ""),
    (N_("Occupation"), ("occupation",), ""),
    (N_("Citizenship"), ("citizenship",), ""),
)
"""Lines of the biodata in the order of the card: label, fields, and what stands between them."""

MEASURES = {
    "match": N_("Match"),
    "count": N_("Faces"),
    "inter-eye": N_("Eye distance"),
    "centre-x": N_("Centred"),
    "eye-line": N_("Eye height"),
    "yaw": N_("Turned"),
    "pitch": N_("Nodded"),
    "roll": N_("Tilted"),
    "eye-openness": N_("Eyes open"),
    "blur": N_("Blur"),
    "zone-ratio": N_("Even light"),
    "radius": N_("Radius"),
    "sharpness": N_("Sharpness"),
    "usable-area": N_("Usable area"),
}
"""Last part of the label of a bar, e.g. of "face.yaw" or "left.iris.radius"."""
EYES = {"right": N_("Right: {measure}"), "left": N_("Left: {measure}")}


def bar_name(label: str, translate: Translator) -> str:
    """Name a quality bar; a measure without a name here shows its own."""
    finger = next((f for f in Finger if f.name.lower() == label), None)
    if finger is not None:
        return translate(FINGERS[finger])
    side, measure = label.partition(".")[0], label.rpartition(".")[2]
    word = translate(MEASURES[measure]) if measure in MEASURES else measure
    return translate(EYES[side], measure=word.lower()) if side in EYES else word
