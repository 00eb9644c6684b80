"""From a capture to a judgement: our own measures of every sample, run beside the event loop.

The assessors are heavy to build (a forest, four networks) and some are bound to a thread, so one
`Judge` owns them and one worker thread each for fingers and for pictures.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self, TypeVar

from drivers.positions import Eye, Finger, Slap
from drivers.values import Capture, Sample, SlapRequest
from drivers.worker import DaemonThread
from station.errors import JudgeFailed
from station.recording.attempt import Bar, Judgement

if TYPE_CHECKING:
    from station.biometrics.face.assess import FaceAssessor
    from station.biometrics.fingers.matching import FingerTemplate
    from station.biometrics.fingers.quality import FingerAssessor
    from station.biometrics.measure import Measure

T = TypeVar("T")
log = logging.getLogger(__name__)

CLOSE_PATIENCE = 3.0
"""Seconds that an assessment under way gets to end."""

NFIQ2_FAILED = 255
NO_FINGER = frozenset({"finger.empty", "finger.no-ridges", "finger.unrated"})
"""Findings of a picture that shows no finger at all: not even the best of three may be it."""
OTHER_FINGER = "finger.mismatch"
SAME_FINGER_DOUBTFUL = "finger.match-doubtful"
WORST_ANGLE = 20.0
"""Degrees from the frontal pose that score 0 on our 0-100 scale of poses."""
MATCH_TOP = 400.0
"""End of the scale of a bozorth3 score on the screen; genuine pairs seldom exceed it."""

SEGMENT_PPI = 500.0
"""Cut fingers are always delivered at this resolution, whatever the slap had."""
SHOWN_OF_IRIS = ("iris.radius", "iris.sharpness", "iris.usable-area")

RANK_ORDER = (
    Finger.RIGHT_INDEX,
    Finger.LEFT_INDEX,
    Finger.RIGHT_MIDDLE,
    Finger.LEFT_MIDDLE,
    Finger.RIGHT_RING,
    Finger.LEFT_RING,
    Finger.RIGHT_LITTLE,
    Finger.LEFT_LITTLE,
    Finger.RIGHT_THUMB,
    Finger.LEFT_THUMB,
)
"""Whose score decides first between two attempts (BSI TR-03121-3 volume 6, best of three)."""


class Judge:
    """Owns the assessors, each on the thread that made it; `close` is idempotent."""

    def __init__(self) -> None:
        self._fingers: FingerAssessor | None = None
        self._faces: FaceAssessor | None = None
        self._finger_thread: DaemonThread | None = None
        self._picture_thread: DaemonThread | None = None

    async def __aenter__(self) -> Self:
        await self.warm_up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def warm_up(self) -> None:
        """Start the threads and load the models now: the first resident shall not wait for them."""
        if self._finger_thread is None:
            self._finger_thread = DaemonThread("judge-fingers")
            self._picture_thread = DaemonThread("judge-pictures")
        await asyncio.gather(
            self._on(self._finger_thread, self._finger_assessor),
            self._on(self._picture_thread, self._face_assessor),
        )

    async def close(self) -> None:
        """End the threads after what they are doing; one that hangs is left behind."""
        fingers, self._finger_thread = self._finger_thread, None
        pictures, self._picture_thread = self._picture_thread, None
        if fingers is None or pictures is None:
            return
        closing = asyncio.wrap_future(fingers.submit(self._close_fingers))
        fingers.stop()
        pictures.stop()
        await asyncio.wait({closing}, timeout=CLOSE_PATIENCE)

    def _close_fingers(self) -> None:
        if self._fingers is not None:
            self._fingers.close()
            self._fingers = None

    async def slap(self, capture: Capture, request: SlapRequest) -> tuple[Capture, Judgement]:
        """Judge the fingers of a slap; a whole-slap picture is cut into fingers first.

        Returns the capture with one sample a finger, in the order of `request.expected`, or
        unchanged when the fingers could not be told apart.
        """
        return await self._on(self._finger_thread, lambda: self._judge_slap(capture, request))

    async def finger(self, capture: Capture, reference: FingerTemplate) -> Judgement:
        """Judge a single finger by its match with a finger of an earlier slap."""
        return await self._on(self._finger_thread, lambda: self._judge_finger(capture, reference))

    async def template(self, sample: Sample) -> FingerTemplate | None:
        """Extract the minutiae of one finger, None where there are none."""
        return await self._on(self._finger_thread, lambda: self._template(sample))

    async def match(self, one: FingerTemplate, other: FingerTemplate) -> int:
        """Compare two fingers; the score of bozorth3."""
        from station.biometrics.fingers.matching import compare

        return await self._on(self._finger_thread, lambda: compare(one, other))

    async def portrait(self, capture: Capture) -> Judgement:
        """Judge a portrait: exactly one face, its pose, its size."""
        return await self._on(self._picture_thread, lambda: self._judge_face(capture))

    async def irises(self, capture: Capture) -> Judgement:
        """Judge each eye of an iris capture."""
        return await self._on(self._picture_thread, lambda: judge_irises(capture))

    async def _on(self, thread: DaemonThread | None, work: Callable[[], T]) -> T:
        """Run `work` on a thread of ours.

        Raises:
            JudgeFailed: whatever went wrong there; the text names the type only.
        """
        if thread is None:
            raise JudgeFailed("not started")
        try:
            return await asyncio.wrap_future(thread.submit(work))
        except Exception as error:  # the border of the thread: a picture must not end the program
            log.error("judging failed: %s", type(error).__name__)
            raise JudgeFailed(type(error).__name__) from error

    def _finger_assessor(self) -> FingerAssessor:
        if self._fingers is None:
            from station.biometrics.fingers.quality import FingerAssessor

            self._fingers = FingerAssessor()
            self._fingers.warm_up()
        return self._fingers

    def _face_assessor(self) -> FaceAssessor:
        if self._faces is None:
            from station.biometrics.face.assess import FaceAssessor

            self._faces = FaceAssessor()
        return self._faces

    def _judge_slap(self, capture: Capture, request: SlapRequest) -> tuple[Capture, Judgement]:
        from station.biometrics.findings import Finding
        from station.biometrics.summary import as_json

        started = time.perf_counter()
        capture, findings = _cut(capture, request)
        positions = [sample.position for sample in capture.samples]
        if sorted(map(int, request.expected)) != sorted(p or 0 for p in positions):
            found = findings or (Finding.FINGER_COUNT.value,)
            return capture, Judgement(False, False, (), findings=found)
        assessments = self._finger_assessor().assess_many(
            [(sample.image, Finger(sample.position or 0)) for sample in capture.samples]
        )
        bars = []
        scores: dict[Finger, int] = {}
        for sample, assessment in zip(capture.samples, assessments, strict=True):
            finger = Finger(sample.position or 0)
            scores[finger] = 0 if assessment.nfiq2 == NFIQ2_FAILED else assessment.nfiq2
            bars.append(
                Bar(
                    finger.name.lower(),
                    scores[finger],
                    assessment.threshold,
                    100.0,
                    assessment.acceptable,
                )
            )
            findings += tuple(f.value for f in assessment.findings if f.value not in findings)
        seen = {finding for assessment in assessments for finding in assessment.findings}
        judgement = Judgement(
            acceptable=all(assessment.acceptable for assessment in assessments),
            usable=not any(finding.value in NO_FINGER for finding in seen),
            rank=tuple(float(scores[finger]) for finger in RANK_ORDER if finger in scores),
            bars=tuple(bars),
            findings=findings,
            scores=tuple(assessment.nfiq2 for assessment in assessments),
            details=tuple(as_json(assessment) for assessment in assessments),
            templates=tuple(assessment.template for assessment in assessments),
            duration_ms=_ms_since(started),
        )
        return capture, judgement

    def _judge_finger(self, capture: Capture, reference: FingerTemplate) -> Judgement:
        from station.biometrics.fingers.matching import (
            SAME_FROM,
            MatchVerdict,
            compare,
            verdict,
        )

        started = time.perf_counter()
        (sample,) = capture.samples
        template = self._template(sample)
        score = 0 if template is None else compare(template, reference)
        outcome = verdict(score)
        found = {
            MatchVerdict.SAME: (),
            MatchVerdict.SUSPECT: (SAME_FINGER_DOUBTFUL,),
            MatchVerdict.DIFFERENT: (OTHER_FINGER,),
        }[outcome]
        same = outcome is MatchVerdict.SAME
        return Judgement(
            acceptable=same,
            # three doubtful captures are for a person to decide, another finger is not
            usable=outcome is not MatchVerdict.DIFFERENT,
            rank=(float(score),),
            bars=(Bar("match", score, SAME_FROM, MATCH_TOP, same),),
            findings=found,
            scores=(min(score, 254),),
            details=({"measure": "bozorth3", "score": score, "verdict": outcome.value},),
            duration_ms=_ms_since(started),
        )

    def _template(self, sample: Sample) -> FingerTemplate | None:
        finger = Finger(sample.position or 0)
        assessment = self._finger_assessor().assess(sample.image, finger, sample.resolution_ppi)
        return assessment.template

    def _judge_face(self, capture: Capture) -> Judgement:
        from station.biometrics.summary import as_json

        started = time.perf_counter()
        (sample,) = capture.samples
        assessment = self._face_assessor().assess(sample.image)
        angles = (assessment.yaw, assessment.pitch, assessment.roll)
        worst = (
            max(abs(angle) for angle in angles if angle is not None)
            if all(angle is not None for angle in angles)
            else WORST_ANGLE
        )
        bars = tuple(
            Bar(m.name, m.value, m.limit, _top(m.value, m.limit), m.passes)
            for m in assessment.measures
            if m.limit is not None
        )
        score = round(max(0.0, 100.0 - worst * 100.0 / WORST_ANGLE)) if assessment.faces == 1 else 0
        return Judgement(
            acceptable=assessment.acceptable,
            usable=assessment.faces == 1 or assessment.unchecked,
            rank=(float(assessment.acceptable), float(score)),
            bars=bars,
            findings=tuple(finding.value for finding in assessment.findings),
            scores=(score,),
            details=(as_json(assessment),),
            duration_ms=_ms_since(started),
        )


def judge_irises(capture: Capture) -> Judgement:
    """Judge each eye: found, large enough, sharp, uncovered."""
    from station.biometrics.iris.assess import assess_iris
    from station.biometrics.summary import as_json

    started = time.perf_counter()
    bars: list[Bar] = []
    findings: tuple[str, ...] = ()
    assessments = []
    for sample in capture.samples:
        eye = Eye(sample.position or 0)
        assessment = assess_iris(sample.image, eye)
        assessments.append(assessment)
        findings += tuple(f.value for f in assessment.findings if f.value not in findings)
        for measure in assessment.measures:
            if measure.limit is not None and measure.name in SHOWN_OF_IRIS:
                label = f"{eye.name.lower()}.{measure.name}"
                top = _top(measure.value, measure.limit)
                bars.append(Bar(label, measure.value, measure.limit, top, measure.passes))
    scores = tuple(_iris_score(assessment.measures) for assessment in assessments)
    return Judgement(
        acceptable=all(assessment.acceptable for assessment in assessments),
        usable=all(assessment.found for assessment in assessments),
        rank=(float(min(scores, default=0)), float(sum(scores))),
        bars=tuple(bars),
        findings=findings,
        scores=scores,
        details=tuple(as_json(assessment) for assessment in assessments),
        duration_ms=_ms_since(started),
    )


def _iris_score(measures: Sequence[Measure]) -> int:
    """The sharpness of ISO/IEC 29794-6 (0 to 100); 0 where no iris was found."""
    return next((round(m.value) for m in measures if m.name == "iris.sharpness"), 0)


def _cut(capture: Capture, request: SlapRequest) -> tuple[Capture, tuple[str, ...]]:
    """Cut a whole-slap picture into fingers; a capture of single fingers stays as it is."""
    from dataclasses import replace

    from drivers.values import read_only
    from station.biometrics.fingers.segmentation import segment

    if not any(isinstance(sample.position, Slap) for sample in capture.samples):
        return capture, ()
    (whole,) = capture.samples
    cut = segment(whole.image, request.slap, request.missing, whole.resolution_ppi)
    findings = tuple(finding.value for finding in cut.findings)
    samples = tuple(
        Sample(finger.position, read_only(finger.image), SEGMENT_PPI)
        for finger in cut.fingers
        if finger.position is not None
    )
    return (replace(capture, samples=samples) if samples else capture), findings


def _top(value: float, limit: float) -> float:
    return max(2.0 * limit, value, 1.0)


def _ms_since(started: float) -> float:
    return round(1000 * (time.perf_counter() - started), 1)
