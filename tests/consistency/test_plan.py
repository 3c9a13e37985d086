"""Options, clips and segments, and what is refused of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lutgrade.consistency.plan import METHODS, Clip, MatchOptions, Segment, parse_segment, spans_of, target_of, within
from lutgrade.consistency.targets import TargetSpec
from lutgrade.errors import InputError

INFINITY = float("inf")


def test_a_segment_is_read_and_cuts_the_clip() -> None:
    name, segment = parse_segment("b.mp4@2-4.5=keep")
    assert (name, segment) == ("b.mp4", Segment(2.0, 4.5, None))
    clip = Clip(Path("b.mp4"), segments=(segment,))
    spans = spans_of(clip, [(-INFINITY, 3.0), (3.0, INFINITY)])
    assert spans == [(-INFINITY, 2.0), (2.0, 3.0), (3.0, 4.5), (4.5, INFINITY)]
    average = TargetSpec("average")
    assert [target_of(clip, span, average) for span in spans] == [average, None, None, average]


@pytest.mark.parametrize("text", ["b.mp4", "b.mp4@2=keep", "b.mp4@x-3=keep", "b.mp4@1-2=nonsense"])
def test_bad_segments_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"segment is|no target"):
        parse_segment(text)


@pytest.mark.parametrize(
    "segments", [(Segment(2, 2, None),), (Segment(0, 3, None), Segment(2, 4, None)), (Segment(3, 1, None),)]
)
def test_segments_do_not_overlap(segments: tuple[Segment, ...]) -> None:
    with pytest.raises(InputError, match="overlap"):
        Clip(Path("a"), segments=segments)


def test_methods_and_strengths() -> None:
    assert MatchOptions().methods == METHODS
    assert MatchOptions(method="mkl, reinhard").methods == ("mkl", "reinhard")
    assert MatchOptions().strengths == (1.25, 1.5)
    assert MatchOptions(strength=0.5).strengths == ()  # less than the match was asked for
    assert MatchOptions(strength=0.5, max_strength=1.0).strengths == (0.75, 1.0)


@pytest.mark.parametrize(
    "options",
    [
        {"strength": -1.0},
        {"strength": 1.0, "max_strength": 0.5},
        {"protect_skin": 2.0},
        {"threshold": 0.0},
        {"every": 0.0},
        {"size": 1},
        {"groups": "faces"},
        {"method": ["mkl", "reinhard"]},
        {"method": "mkl,"},
        {"workers": 0},
        {"memory": -1.0},
        {"memory": INFINITY},
        {"interpolation": "cubic"},
    ],
)
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        MatchOptions(**options)


def test_a_clip_cannot_weigh_nothing() -> None:
    with pytest.raises(InputError, match="exclude it"):
        Clip(Path("a"), weight=0)


def test_segments_at_the_ends_leave_no_empty_span() -> None:
    clip = Clip(Path("a"), segments=(Segment(0, 1, None), Segment(3, 9, None)))
    fitted = within(clip, 4.0)
    assert spans_of(fitted) == [(-INFINITY, 1), (1, 3), (3, INFINITY)]
    assert [target_of(fitted, span, TargetSpec("first")) for span in spans_of(fitted)][::2] == [None, None]
    with pytest.raises(InputError, match="ends at 2"):
        within(clip, 2.0)


def test_a_segment_takes_its_target_as_text_and_is_not_empty() -> None:
    assert Segment(0, 1, "keep") == Segment(0, 1, None)
    assert Segment(0, 1, "hero=b").target == TargetSpec("hero", "b")
    for start, stop in ((1, 1), (2, 1), (float("nan"), 1)):
        with pytest.raises(InputError, match="must not be empty"):
            Clip(Path("a"), segments=(Segment(start, stop, None),))
