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
    """Judge each picture and print it; 0 when all are acceptable, 1 otherwise."""
    with ExitStack() as stack:
        judge = _judge_of(subject, Slap[slap.upper()], Finger(finger), ppi, stack)
        results = [_one(path, judge) for path in images]
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    else:
        for result in results:
            typer.echo(_plain(result))
    return 0 if all(result["acceptable"] for result in results) else 1


def _one(path: Path, judge: Callable[[Image], Json]) -> Json:
    try:
        image = read_image(path)
    except UnreadableImage as error:
        finding = {"acceptable": False, "findings": ["image.unreadable"]}
        return {"image": str(path), "reason": error.reason} | finding
    return {"image": str(path)} | judge(image)


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
    value = round(measure["value"], 3)
    limit = "" if measure["limit"] is None else f"limit {measure['limit']:g}"
    name, unit = measure["name"], measure["unit"]
    return f"  {name:<26} {value:>10g} {unit:<12} {limit:<14} {measure['source']}"
