from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.positions import Finger, Slap
from simulators.people.fingerprints import Impression
from station.biometrics.codecs import read_image
from station.biometrics.findings import Finding
from station.biometrics.fingers.extraction import MAX_HEIGHT_PX, MAX_WIDTH_PX, fit
from station.biometrics.fingers.gates import measure_print
from station.biometrics.fingers.quality import FingerAssessment, FingerAssessor
from station.biometrics.fingers.segmentation import segment
from station.biometrics.fingers.thresholds import NFIQ2_FAILED, Profile

Image = NDArray[np.uint8]
INDEX = Finger.RIGHT_INDEX


def value(seen: FingerAssessment, name: str) -> float:
    return next(measure.value for measure in seen.measures if measure.name == name)


@pytest.mark.parametrize(("number", "score"), [(1, 54), (2, 45), (3, 53), (4, 52), (5, 57)])
def test_nfiq2_equals_the_published_score_and_the_gates_pass(
    shared_prints: Path, assessor: FingerAssessor, number: int, score: int
) -> None:
    seen = assessor.assess(read_image(shared_prints / f"SFinGe_Test0{number}.pgm"), INDEX)
    assert seen.nfiq2 == score
    assert seen.findings == ()
    assert seen.acceptable


def test_a_card_scan_is_refused_for_what_it_is(
    shared_prints: Path, assessor: FingerAssessor
) -> None:
    seen = assessor.assess(read_image(shared_prints / "nbis_valid1.1_type4.wsq"), INDEX)
    assert abs(seen.nfiq2 - 12) <= 3
    assert {Finding.FINGER_POLARITY, Finding.FINGER_QUALITY} <= set(seen.findings)


@pytest.mark.parametrize("contact", [0.6, 0.8, 1.0])
def test_normal_contacts_pass_every_gate(
    assessor: FingerAssessor, impression: Callable[..., Image], contact: float
) -> None:
    seen = assessor.assess(impression(Impression(contact=contact)), Finger.RIGHT_LITTLE)
    assert seen.findings == ()
    assert seen.template is not None
    assert value(seen, "finger.nfiq2") == seen.nfiq2 >= seen.threshold == 20


@pytest.mark.parametrize(
    ("settings", "finding"),
    [
        (Impression(contact=0.4), Finding.FINGER_TOO_SMALL),
        (Impression(noise=5.0), Finding.FINGER_QUALITY),
        (Impression(noise=6.0), Finding.FINGER_QUALITY),
    ],
    ids=["tip only", "worn", "unreadable"],
)
def test_poor_contacts_are_refused(
    assessor: FingerAssessor,
    impression: Callable[..., Image],
    settings: Impression,
    finding: Finding,
) -> None:
    seen = assessor.assess(impression(settings), INDEX)
    assert finding in seen.findings
    assert not seen.acceptable


def _faded(image: Image) -> Image:
    return (250 - (250 - image.astype(float)) * 0.3).astype(np.uint8)


def _inverted(image: Image) -> Image:
    return np.asarray(255 - image, np.uint8)


def _burnt(image: Image) -> Image:
    return np.asarray(np.clip(image.astype(int) - 120, 0, 255), np.uint8)


def _blurred(image: Image) -> Image:
    return cv2.GaussianBlur(image, (0, 0), 3.0).astype(np.uint8)


def _enlarged(image: Image) -> Image:
    large = cv2.resize(image, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    sharp = cv2.addWeighted(large, 1.6, cv2.GaussianBlur(large, (0, 0), 3), -0.6, 0)
    return np.asarray(sharp, np.uint8)


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (_faded, Finding.FINGER_LOW_CONTRAST),
        (_inverted, Finding.FINGER_POLARITY),
        (_burnt, Finding.FINGER_CLIPPED),
        (_blurred, Finding.FINGER_BLURRED),
        (_enlarged, Finding.FINGER_RIDGE_PERIOD),
    ],
)
def test_each_gate_names_what_nfiq2_does_not_see(
    impression: Callable[..., Image], spoil: Callable[[Image], Image], finding: Finding
) -> None:
    good = impression()
    assert measure_print(good).findings == ()
    assert measure_print(spoil(good)).findings == (finding,)


def test_white_noise_is_refused_although_nfiq2_rates_it(assessor: FingerAssessor) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (560, 416)).astype(np.uint8)
    seen = assessor.assess(noise, INDEX)
    assert 0 < seen.nfiq2 <= 100
    assert {Finding.FINGER_NO_RIDGES, Finding.FINGER_NOISE} <= set(seen.findings)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_surface_is_empty_and_cannot_be_rated(assessor: FingerAssessor, level: int) -> None:
    seen = assessor.assess(np.full((560, 416), level, np.uint8), INDEX)
    assert seen.nfiq2 == NFIQ2_FAILED
    assert {Finding.FINGER_EMPTY, Finding.FINGER_UNRATED} <= set(seen.findings)
    assert seen.template is None
    assert not next(m for m in seen.measures if m.name == "finger.nfiq2").passes


def test_a_photograph_is_not_a_finger(assessor: FingerAssessor, photograph: Image) -> None:
    grey = cv2.cvtColor(photograph, cv2.COLOR_BGR2GRAY).astype(np.uint8)
    seen = assessor.assess(np.ascontiguousarray(grey[150:710, 90:506]), INDEX)
    assert {Finding.FINGER_NO_RIDGES, Finding.FINGER_BLURRED} & set(seen.findings)


def test_a_patch_too_small_to_measure_is_a_result(assessor: FingerAssessor) -> None:
    seen = assessor.assess(np.zeros((20, 30), np.uint8), None)
    assert seen.findings == (Finding.FINGER_UNRATED, Finding.FINGER_TOO_SMALL)


def test_a_failed_score_keeps_the_minutiae(
    assessor: FingerAssessor, impression: Callable[..., Image]
) -> None:
    faint = (250 - (250 - impression().astype(float)) * 0.1).astype(np.uint8)
    seen = assessor.assess(faint, INDEX)
    assert seen.nfiq2 == NFIQ2_FAILED
    assert seen.template is not None
    assert seen.template.minutiae > 20


def test_the_threshold_follows_profile_and_finger(
    assessor: FingerAssessor, impression: Callable[..., Image]
) -> None:
    worn = impression(Impression(noise=4.8))
    score = assessor.assess(worn, INDEX).nfiq2
    with FingerAssessor(Profile.TR03121_CONTROL) as lenient:
        easier = lenient.assess(worn, Finger.LEFT_LITTLE)
    strict = assessor.assess(worn, None)
    assert (strict.threshold, easier.threshold) == (40, 10)
    assert 10 <= score < 40
    assert Finding.FINGER_QUALITY in strict.findings
    assert Finding.FINGER_QUALITY not in easier.findings


def test_a_slap_is_judged_in_parallel_with_the_same_result(lay: Callable[..., Image]) -> None:
    cut = segment(lay(), Slap.RIGHT_FOUR).fingers
    with FingerAssessor() as assessor:
        together = assessor.assess_many([(finger.image, finger.position) for finger in cut])
        alone = assessor.assess(cut[0].image, cut[0].position)
    assert [seen.position for seen in together] == list(Slap.RIGHT_FOUR.fingers)
    assert all(seen.acceptable for seen in together)
    assert (alone.nfiq2, alone.findings) == (together[0].nfiq2, together[0].findings)


def test_a_print_of_1000_ppi_is_judged_at_500(
    assessor: FingerAssessor, impression: Callable[..., Image]
) -> None:
    fine = cv2.resize(impression(), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    seen = assessor.assess(fine.astype(np.uint8), INDEX, 1000.0)
    assert seen.findings == ()
    assert 7 < value(seen, "finger.ridge-period") < 12


def test_a_large_image_is_cropped_about_the_print_never_scaled(
    impression: Callable[..., Image],
) -> None:
    good = impression()
    large = np.full((1500, 1600), 255, np.uint8)
    large[700:1260, 1100:1516] = good
    part = fit(large)
    assert part.shape == (MAX_HEIGHT_PX, MAX_WIDTH_PX)
    assert np.sort(part[part < 240]).tolist() == np.sort(good[good < 240]).tolist()
    assert fit(good) is good


def test_nothing_personal_is_printed(
    assessor: FingerAssessor, impression: Callable[..., Image]
) -> None:
    text = repr(assessor.assess(impression(), INDEX))
    assert "template" not in text
    assert "array" not in text


def test_close_ends_the_threads_and_may_be_repeated() -> None:
    assessor = FingerAssessor()
    assessor.assess_many([(np.zeros((10, 10), np.uint8), None)])
    assessor.close()
    assessor.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("finger-assessor")]
