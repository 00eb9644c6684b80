"""In which ways F7 shows the picture of a step: the first is the default."""

from __future__ import annotations

from station.desk.widgets.frame_view import Look
from station.desk.widgets.glyphs import Framing, Glyphs
from station.domain.plan import Step
from station.i18n import N_

_NAMES = {
    Glyphs.HALF: N_("blocks"),
    Glyphs.QUADRANT: N_("quarters"),
    Glyphs.BRAILLE: N_("dots"),
    Glyphs.ASCII: N_("letters"),
}
ZOOMED = N_("1:1")


def looks_for(step: Step, default: Glyphs) -> tuple[Look, ...]:
    """What F7 goes through; a terminal without colours has letters only."""
    framing = Framing.FILL if step is Step.PORTRAIT else Framing.WHOLE
    if default is Glyphs.ASCII:
        return Look(Glyphs.ASCII, framing), Look(Glyphs.ASCII, Framing.CENTRE)
    return (
        Look(Glyphs.HALF, framing),
        Look(Glyphs.QUADRANT, framing),
        Look(Glyphs.BRAILLE, framing),
        Look(Glyphs.BRAILLE, Framing.CENTRE),
    )


def look_name(look: Look) -> str:
    """An English word for a look, to be translated."""
    return ZOOMED if look.framing is Framing.CENTRE else _NAMES[look.glyphs]
