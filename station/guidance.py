"""What a poor capture means, and the one thing to say or do before the next attempt.

`message` is what the station saw, for the operator; `action` is what to say to the resident or to
do, polite, one thing at a time. Nothing here accuses anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from station.i18n import N_


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence about what happened and one about what to do; English, to be translated."""

    message: str
    action: str


_LAY_AGAIN = N_("Lift the fingers and place them again")

_FINGERS = {
    "finger.count": Text(N_("Not all expected fingers are seen"), _LAY_AGAIN),
    "finger.quality": Text(N_("The ridges are not clear enough"), N_("Press a little harder")),
    "finger.unrated": Text(N_("The quality could not be measured"), _LAY_AGAIN),
    "finger.empty": Text(N_("No finger is seen"), N_("Place the fingers on the platen")),
    "finger.low-contrast": Text(N_("The print is too faint"), N_("Please moisten your fingers")),
    "finger.polarity": Text(
        N_("Ridges are lighter than the ground"), N_("Call the technician: scanner setting")
    ),
    "finger.clipped": Text(N_("The print is too dark"), N_("Please dry your fingers")),
    "finger.too-small": Text(
        N_("Too little of the finger is seen"), N_("Lay the whole fingertip flat")
    ),
    "finger.no-ridges": Text(
        N_("No ridges are seen"), N_("Clean the platen with a dry cloth, then again")
    ),
    "finger.ridge-period": Text(
        N_("The ridges have an unusual spacing"), N_("Lay the finger flat, do not roll it")
    ),
    "finger.noise": Text(
        N_("The picture is grainy"), N_("Clean the platen with a dry cloth, then again")
    ),
    "finger.blurred": Text(N_("The print is smeared"), N_("Please hold still")),
    "finger.soft": Text(N_("The print is a little soft"), N_("Please hold still")),
    "finger.mismatch": Text(
        N_("The finger does not match the earlier capture"), N_("Check which finger is asked for")
    ),
    "finger.match-doubtful": Text(
        N_("The match is not certain"), N_("Press a little harder, hold still")
    ),
    "finger.no-reference": Text(
        N_("This finger was not captured before"), N_("Choose the other index finger")
    ),
}

_SLAPS = {
    "slap.other-hand": Text(
        N_("This may be the other hand"), N_("Check that the right hand is asked for and shown")
    ),
    "slap.rotated": Text(N_("The hand lies at an angle"), N_("Lay the hand straight")),
    "slap.off-edge": Text(
        N_("Fingers reach over the edge"), N_("Move the hand to the middle of the platen")
    ),
    "slap.touching": Text(N_("Fingers touch each other"), N_("Spread the fingers a little")),
}

_FACE = {
    "face.unchecked": Text(
        N_("The portrait could not be checked"), N_("Look at the picture yourself")
    ),
    "face.none": Text(N_("No face found"), N_("Please sit and look at the camera")),
    "face.several": Text(
        N_("More than one face found"), N_("Ask others to step out of the picture")
    ),
    "face.too-small": Text(N_("The face is too small"), N_("A little closer")),
    "face.not-centred": Text(N_("The face is not in the middle"), N_("Sit in the middle")),
    "face.pose": Text(N_("The head is turned or tilted"), N_("Please look straight ahead")),
    "face.pose-doubtful": Text(
        N_("The head may be turned a little"), N_("Please look straight ahead")
    ),
    "face.eyes-closed": Text(N_("The eyes are closed"), N_("Please open your eyes")),
    "face.blurred": Text(N_("The portrait is blurred"), N_("Please hold still")),
    "face.uneven-light": Text(
        N_("The light on the face is uneven"), N_("Turn the lamp or close the curtain")
    ),
}

_IRIS = {
    "iris.not-found": Text(N_("The iris was not found"), N_("Please open your eyes wide")),
    "iris.too-small": Text(N_("The eyes are too far away"), N_("A little closer")),
    "iris.off-edge": Text(N_("An eye is at the edge"), N_("Look straight at the light")),
    "iris.blurred": Text(N_("The iris is blurred"), N_("Please hold still")),
    "iris.occluded": Text(
        N_("Lid, lashes or a reflection cover the iris"), N_("Please open your eyes wide")
    ),
    "iris.pupil": Text(
        N_("The pupil is very large or very small"), N_("Change the light in the room a little")
    ),
    "iris.low-contrast": Text(
        N_("The iris has little contrast"), N_("Please take off glasses and contact lenses")
    ),
}

GUIDANCE: Mapping[str, Text] = MappingProxyType(
    {
        "image.unreadable": Text(N_("The picture cannot be read"), N_("Capture again")),
        **_FINGERS,
        **_SLAPS,
        **_FACE,
        **_IRIS,
    }
)
"""Finding to what was seen and what to say or do."""
