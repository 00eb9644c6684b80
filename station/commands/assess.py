"""`rekam assess`: judge pictures from files with the desk's own measures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from drivers.positions import Finger, Slap
from station.biometrics.codecs import UnreadableImage, read_image, to_grey
from station.biometrics.fingers.thresholds import NFIQ2_FAILED
from station.commands.quiet import quiet_stderr

if TYPE_CHECKING:
    from station.biometrics.codecs import Image
    from station.biometrics.fingers.quality import FingerAssessor

Json = dict[str, Any]


def run(
    subject: str,
    images: Sequence[Path],
    slap: str,
    finger: int,
    ppi: float,
    *,
    as_json: bool,
) -> int:
    """Judge each picture and print it.

    Returns:
        0 all are acceptable, 1 one is not, 2 one could not be read from its file at all.
    """
    with ExitStack() as stack:
        judge = _judge_of(subject, Slap[slap.upper()], Finger(finger), ppi, stack)
        results = [_one(path, judge) for path in images]
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    else:
        for result in results:
            typer.echo(_plain(result))
    if not all(result["readable"] for result in results):
        return 2
    return 0 if all(result["acceptable"] for result in results) else 1


def _one(path: Path, judge: Callable[[Image], Json]) -> Json:
    if reason := _why_not_readable(path):
        return _unjudged(path, reason, readable=False)
    try:
        with quiet_stderr():
            image = read_image(path)
    except UnreadableImage as error:
        return _unjudged(path, f"no usable picture: {error.reason}", readable=True)
    return {"image": str(path), "readable": True} | _with_unrated(judge(image))


def _why_not_readable(path: Path) -> str:
    """Why the bytes of a file cannot be had, "" when they can."""
    try:
        if path.is_dir():
            return "is a folder"
        with path.open("rb"):
            return ""
    except OSError as error:
        return (error.strerror or "cannot be opened").lower()


def _unjudged(path: Path, reason: str, *, readable: bool) -> Json:
    finding = {"acceptable": False, "findings": ["image.unreadable"]}
    return {"image": str(path), "readable": readable, "reason": reason} | finding


def _with_unrated(result: Json) -> Json:
    """Say of a score that could not be computed that it is none: 255 looks like a very good one."""
    for part in (result, *result.get("fingers", ())):
        if part.get("nfiq2") == NFIQ2_FAILED:
            part |= {"nfiq2": None, "unrated": True}
        for measure in part.get("measures", ()):
            if measure["name"] == "finger.nfiq2" and measure["value"] == NFIQ2_FAILED:
                measure |= {"value": None, "unrated": True}
    return result


def _judge_of(
    subject: str, slap: Slap, finger: Finger, ppi: float, stack: ExitStack
) -> Callable[[Image], Json]:
    from station.biometrics.summary import as_json

    if subject == "face":
        from station.biometrics.face.assess import FaceAssessor

        faces = FaceAssessor()
        return lambda image: as_json(faces.assess(_colour(image)))
    if subject == "iris":
        from station.biometrics.iris.assess import assess_iris

        return lambda image: as_json(assess_iris(to_grey(image)))
    from station.biometrics.fingers.quality import FingerAssessor

    assessor = stack.enter_context(FingerAssessor())
    if subject == "finger":
        return lambda image: as_json(assessor.assess(to_grey(image), finger, ppi))
    return lambda image: _slap(assessor, to_grey(image), slap, ppi)


def _colour(image: Image) -> Image:
    import numpy as np

    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def _slap(assessor: FingerAssessor, image: Image, slap: Slap, ppi: float) -> Json:
    from station.biometrics.fingers.segmentation import segment
    from station.biometrics.summary import as_json

    cut = segment(image, slap, resolution_ppi=ppi)
    judged = assessor.assess_many([(f.image, f.position) for f in cut.fingers])
    findings = [finding.value for finding in cut.findings]
    fingers = []
    for part, assessment in zip(cut.fingers, judged, strict=True):
        box = {"left": part.left, "top": part.top, "right": part.right, "bottom": part.bottom}
        fingers.append(as_json(assessment) | {"box": box, "lean_deg": round(part.lean_deg, 1)})
    whole = all(finding.is_warning for finding in cut.findings)
    acceptable = whole and all(a.acceptable for a in judged)
    return {
        "kind": "slap",
        "acceptable": acceptable,
        "count": cut.count,
        "expected": cut.expected,
        "hand": cut.hand_guess,
        "findings": findings,
        "fingers": fingers,
    }


def _plain(result: Json) -> str:
    word = "acceptable" if result["acceptable"] else "not acceptable"
    lines = [f"{result['image']}: {word}"]
    if "reason" in result:
        lines.append(f"  {result['reason']}")
    for part in (result, *result.get("fingers", ())):
        if part is not result:
            named = Finger(part["position"]).name.lower() if part["position"] else "some finger"
            lines.append(f"  {named}: {'acceptable' if part['acceptable'] else 'not acceptable'}")
        lines += [_measure_line(measure) for measure in part.get("measures", ())]
        if part["findings"]:
            lines.append(f"  findings: {', '.join(part['findings'])}")
    return "\n".join(lines)


def _measure_line(measure: Json) -> str:
    value = "unrated" if measure["value"] is None else f"{round(measure['value'], 3):g}"
    limit = "" if measure["limit"] is None else f"limit {measure['limit']:g}"
    name, unit = measure["name"], measure["unit"]
    return f"  {name:<26} {value:>10} {unit:<12} {limit:<14} {measure['source']}"
