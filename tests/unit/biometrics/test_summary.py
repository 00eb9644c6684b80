from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from drivers.positions import Eye, Finger, Slap
from simulators.people.irises import IrisView, render_iris
from station.biometrics.face.assess import FaceAssessor
from station.biometrics.fingers.quality import FingerAssessor
from station.biometrics.fingers.segmentation import segment
from station.biometrics.iris.assess import assess_iris
from station.biometrics.summary import as_json

Image = NDArray[np.uint8]


def test_every_number_of_a_finger_has_name_source_and_limit(
    assessor: FingerAssessor, impression: Callable[..., Image]
) -> None:
    seen = assessor.assess(impression(), Finger.RIGHT_INDEX)
    told = json.loads(json.dumps(as_json(seen), allow_nan=False))
    assert (told["kind"], told["position"], told["acceptable"]) == ("finger", 2, True)
    assert (told["nfiq2"], told["threshold"]) == (seen.nfiq2, 40)
    assert len(told["measures"]) == len(seen.measures) > 8
    assert all(one["name"] and one["source"] for one in told["measures"])
    assert "NFIQ 2.3 (nbis-py" in told["measures"][0]["source"]
    assert seen.template is not None
    assert told["minutiae"] == seen.template.minutiae
    assert "template" not in told


def test_a_slap_tells_boxes_but_no_pixels(lay: Callable[..., Image]) -> None:
    told = json.loads(json.dumps(as_json(segment(lay(), Slap.LEFT_FOUR)), allow_nan=False))
    assert (told["slap"], told["count"], told["expected"], told["hand_guess"]) == (
        14,
        4,
        4,
        "right",
    )
    assert told["findings"] == told["warnings"] == ["slap.other-hand"]
    keys = {"position", "left", "right", "top", "bottom", "lean_deg"}
    assert all(set(finger) == keys for finger in told["fingers"])


def test_faces_and_eyes_are_json_with_and_without_a_subject(
    networks: FaceAssessor, photograph: Image
) -> None:
    blank = np.full((480, 640), 90, np.uint8)
    for seen in (
        networks.assess(photograph),
        networks.assess(np.dstack([blank] * 3)),
        assess_iris(render_iris(1, IrisView(), 0), Eye.LEFT),
        assess_iris(blank),
    ):
        told = json.loads(json.dumps(as_json(seen), allow_nan=False))
        assert told["acceptable"] is seen.acceptable
        assert told["findings"] == [finding.value for finding in seen.findings]
        assert len(told["measures"]) == len(seen.measures)
