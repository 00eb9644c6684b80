"""What to say to the resident at each step, and the drawing that shows it."""

from __future__ import annotations

from drivers.positions import Finger, Slap
from station.domain.plan import SLAP_OF, Step
from station.i18n import N_

PROMPTS = {
    Step.PORTRAIT: N_("Please sit and look at the camera"),
    Step.RIGHT_FOUR: N_("Place four right fingers"),
    Step.LEFT_FOUR: N_("Place four left fingers"),
    Step.THUMBS: N_("Place both thumbs"),
    Step.IRISES: N_("Please open your eyes wide"),
}
VERIFICATION_PROMPTS = {
    Finger.RIGHT_INDEX: N_("Place the right index finger"),
    Finger.LEFT_INDEX: N_("Place the left index finger"),
}

_RIGHT_HAND = (
    Finger.RIGHT_THUMB,
    Finger.RIGHT_INDEX,
    Finger.RIGHT_MIDDLE,
    Finger.RIGHT_RING,
    Finger.RIGHT_LITTLE,
)
_LEFT_HAND = (
    Finger.LEFT_LITTLE,
    Finger.LEFT_RING,
    Finger.LEFT_MIDDLE,
    Finger.LEFT_INDEX,
    Finger.LEFT_THUMB,
)
"""Each hand from left to right, palm down, as its owner sees it."""
_TOPS = {1: 3, 2: 1, 3: 0, 4: 1, 5: 2}
"""Row at which a finger begins, by its number on the hand; 0 is the highest."""
_FINGER_ROWS = 5

FACE = """\
    ╭───────╮
    │ ◉   ◉ │
    │   ▿   │
    │  ╰─╯  │
    ╰──┬─┬──╯
  ╭────╯ ╰────╮"""
EYES = """\
  ╭───────╮   ╭───────╮
 (    ◉    ) (    ◉    )
  ╰───────╯   ╰───────╯"""


def prompt(step: Step, verify_with: Finger) -> str:
    """The English sentence for the resident; empty for a step that captures nothing."""
    if step is Step.VERIFICATION:
        return VERIFICATION_PROMPTS[verify_with]
    return PROMPTS.get(step, "")


def wanted_fingers(step: Step, verify_with: Finger) -> tuple[Finger, ...]:
    """The fingers that the step asks for, none for face and eyes."""
    if step is Step.VERIFICATION:
        return (verify_with,)
    return SLAP_OF[step].fingers if step in SLAP_OF else ()


def drawing(step: Step, verify_with: Finger) -> str:
    """A picture made of characters: wanted fingers are full, the others are pale."""
    if step is Step.PORTRAIT:
        return FACE
    if step is Step.IRISES:
        return EYES
    wanted = set(wanted_fingers(step, verify_with))
    if not wanted:
        return ""
    if SLAP_OF.get(step) is Slap.THUMBS:
        left, right = hand(_LEFT_HAND, wanted), hand(_RIGHT_HAND, wanted)
        return "\n".join(f"{a}  {b}" for a, b in zip(left, right, strict=True))
    is_right = next(iter(wanted)).is_right
    return "\n".join(hand(_RIGHT_HAND if is_right else _LEFT_HAND, wanted))


def hand(fingers: tuple[Finger, ...], wanted: set[Finger]) -> list[str]:
    """Draw one hand, `_FINGER_ROWS` rows for the fingers and one for the palm."""
    rows = []
    for row in range(_FINGER_ROWS):
        cells = []
        for finger in fingers:
            top = _TOPS[(finger - 1) % 5 + 1]
            full = "██" if finger in wanted else "░░"
            cells.append("  " if row < top else full)
        rows.append(" ".join(cells))
    rows.append("░" * len(rows[0]))
    return rows
