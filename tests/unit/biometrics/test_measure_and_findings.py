from __future__ import annotations

import subprocess
import sys

import pytest

from drivers.positions import Finger
from station.biometrics.findings import Finding, is_acceptable
from station.biometrics.fingers.thresholds import THRESHOLD, Profile, threshold
from station.biometrics.measure import Measure


@pytest.mark.parametrize(("value", "passes"), [(39.9, False), (40.0, True), (41.0, True)])
def test_a_lower_limit_is_the_worst_value_that_passes(value: float, passes: bool) -> None:
    assert Measure("m", value, "", "s", 40.0).passes is passes


@pytest.mark.parametrize(("value", "passes"), [(14.9, True), (15.0, True), (15.1, False)])
def test_an_upper_limit_is_the_worst_value_that_passes(value: float, passes: bool) -> None:
    assert Measure("m", value, "%", "s", 15.0, higher_is_better=False).passes is passes


@pytest.mark.parametrize(("value", "passes"), [(5.9, False), (6.0, True), (13.0, True), (13.1, 0)])
def test_two_limits_are_a_range(value: float, passes: bool) -> None:
    assert Measure("m", value, "px", "s", 6.0, upper_limit=13.0).passes is bool(passes)


def test_a_value_without_limit_passes_and_nan_never_passes_a_limit() -> None:
    assert Measure("m", -1.0, "", "s").passes
    assert not Measure("m", float("nan"), "", "s", 1.0).passes
    assert not Measure("m", float("nan"), "", "s", 1.0, upper_limit=2.0).passes


def test_warnings_do_not_refuse() -> None:
    assert is_acceptable((Finding.FINGER_SOFT, Finding.SLAP_OTHER_HAND))
    assert not is_acceptable((Finding.FINGER_SOFT, Finding.FINGER_QUALITY))


def test_codes_are_distinct_and_name_their_subject() -> None:
    codes = [finding.value for finding in Finding]
    assert len(set(codes)) == len(codes)
    assert {code.split(".")[0] for code in codes} == {"image", "finger", "slap", "face", "iris"}


@pytest.mark.parametrize(
    ("profile", "thumb_to_little"),
    [
        (Profile.KTPEL_STRICT, (40, 40, 40, 30, 20)),
        (Profile.TR03121, (30, 30, 20, 10, 10)),
        (Profile.TR03121_CONTROL, (20, 20, 20, 10, 10)),
    ],
)
def test_thresholds_are_the_published_table_on_both_hands(
    profile: Profile, thumb_to_little: tuple[int, ...]
) -> None:
    assert tuple(THRESHOLD[profile][finger] for finger in Finger) == thumb_to_little * 2
    assert threshold(profile, None) == max(thumb_to_little)
    assert profile.source


def test_importing_the_judges_loads_no_heavy_library() -> None:
    script = (
        "import sys, station.biometrics.codecs, station.biometrics.summary, "
        "station.biometrics.fingers.matching; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert not {"cv2", "nbis", "PIL", "_wsq"} & set(loaded.stdout.decode().split())
