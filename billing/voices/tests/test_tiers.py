"""What an inspection says of a stack, in the numbers that people see."""

from typing import Any

import pytest

from billing.voices.tiers import TIERS, assess, lacking

STACK = "a" * 64
FOUND: dict[str, Any] = {
    "tiers": {
        "standard": {"lacks": [{"code": "refused", "clip": 1, "message": "clip 1: it is silent"}]},
        "premium": {
            "lacks": [
                {"code": "speech_seconds", "clip": None, "message": "8.0 s of speech; 10 s are needed"},
                {"code": "snr_db", "clip": 2, "message": "clip 2: 12 dB signal to noise; 20 dB are needed"},
            ]
        },
    },
    "odd_one_out": 3,
    "duplicates": [[1, 3], [2, 9], "x"],
}


def test_clips_are_numbered_as_the_pages_number_them() -> None:
    found = assess(STACK, FOUND, [2, 5, 7])
    assert found == {
        "stack": STACK,
        "tiers": {
            "standard": [],
            "premium": ["8.0 s of speech; 10 s are needed", "clip 5: 12 dB signal to noise; 20 dB are needed"],
        },
        "odd_one_out": 7,
        "duplicates": [[2, 7]],
    }


@pytest.mark.parametrize("said", [{}, {"tiers": []}, {"tiers": {"standard": 1}}, {"odd_one_out": "x", "duplicates": 5}])
def test_what_makes_no_sense_is_nothing(said: dict[str, Any]) -> None:
    found = assess(STACK, said, [1])
    assert (found["odd_one_out"], found["duplicates"]) == (None, [])


def test_what_is_lacking_is_of_the_clips_as_they_are() -> None:
    found = assess(STACK, FOUND, [2, 5, 7])
    assert lacking(found, STACK, "standard") == []
    assert len(lacking(found, STACK, "premium")) == 2
    assert lacking(found, STACK, "ultra") == ["The clips were not measured for this tier."]
    assert lacking(found, "b" * 64, "standard") == ["The clips have not been inspected as they are now."]
    assert lacking(found, "", "standard") == ["There is no good clip yet."]


def test_tiers_are_ordered() -> None:
    assert [tier.rank for tier in TIERS.values()] == [1, 2, 3]
