"""The first pass: what is kept of a shot, and which shots return."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize, pad

from clips import scene
from lutgrade.analysis import (
    COLORS,
    RETURN_SIMILARITY,
    AnalysedShot,
    Candidate,
    analyse,
    read_references,
    returning,
)
from lutgrade.data.pairs import load_photo
from lutgrade.video import Frame
from lutgrade.video.shots import Shot


def shot(*rows: Tensor) -> AnalysedShot:
    keyframe = Candidate(0, 0.0, torch.zeros(3, 1, 1), rows[0], 1.0, 0)
    return AnalysedShot(Shot(0, 1), keyframe, torch.stack(rows))


def direction(cosine: float, near: int = 0, away: int = 1) -> Tensor:
    """A unit vector at an angle to the axis `near`, towards the axis `away`."""
    row = torch.zeros(8)
    row[near], row[away] = cosine, math.sqrt(1 - cosine**2)
    return row


A, B, C = torch.eye(8)[:3]
SAME, OTHER = direction(RETURN_SIMILARITY + 0.01, away=3), direction(RETURN_SIMILARITY - 0.01, away=4)


@pytest.mark.parametrize(
    ("shots", "takes"),
    [
        ([shot(A)], [0]),
        ([shot(A), shot(B), shot(A), shot(C)], [0, 1, 0, 3]),
        ([shot(A), shot(SAME), shot(OTHER)], [0, 0, 2]),
        # whatever moves in a shot: its first, best and last frames all tell it
        ([shot(A, B), shot(C), shot(B), shot(OTHER, C)], [0, 1, 0, 1]),
        # the more similar of two; and the first of equals
        ([shot(A), shot(direction(0.9)), shot(direction(0.97))], [0, 1, 1]),
        ([shot(A), shot(B), shot(A, B)], [0, 1, 0]),
    ],
)
def test_a_shot_takes_the_grade_of_the_one_it_returns_to(shots: list[AnalysedShot], takes: list[int]) -> None:
    assert returning(shots) == takes


def test_shots_do_not_chain() -> None:
    """Each is compared with shots that have grades of their own: a slow drift ends in a grade of its own."""
    angles = [i * math.acos(RETURN_SIMILARITY + 0.005) for i in range(3)]
    drifting = [shot(direction(math.cos(angle))) for angle in angles]
    assert returning(drifting) == [0, 0, 2]


def test_what_shares_a_grade_among_photographs(data_dir: Path) -> None:
    """No two of 60 do; most do with themselves panned by a quarter of the width, and not when darkened by a tenth."""
    photographs = torch.stack([load_photo(path) for path in sorted((data_dir / "photos" / "val").glob("*.jpg"))])
    rows, darker, left, right = (
        normalize(COLORS(images), dim=1)
        for images in (photographs, 0.9 * photographs, photographs[..., :288], photographs[..., 96:])
    )
    assert (rows @ rows.T).fill_diagonal_(0).max() < 0.9
    assert ((left * right).sum(1) >= RETURN_SIMILARITY).float().mean() > 0.8
    assert ((rows * darker).sum(1) >= RETURN_SIMILARITY).float().mean() < 0.4


@pytest.mark.parametrize(
    ("count", "kept"), [(1, [0]), (64, [*range(64)]), (65, [*range(0, 65, 2)]), (300, [*range(0, 300, 8)])]
)
def test_of_a_long_reference_evenly_spaced_frames_are_kept(count: int, kept: list[int]) -> None:
    read: list[weakref.ref[Frame]] = []

    def stream() -> Iterator[Frame]:
        for index in range(count):
            frame = Frame(torch.zeros(3, 1, 1), index, index, float(index))
            read.append(weakref.ref(frame))
            assert sum(frame() is not None for frame in read) <= 66
            yield frame

    assert [frame.index for frame in read_references(stream())] == kept  # type: ignore[arg-type]


def frames(*seeds: int, seconds: float = 2.5, rate: int = 25) -> Iterator[Frame]:
    count = round(seconds * rate)
    images = [image for seed in seeds for image in scene(seed, count)]
    for index, image in enumerate(images):
        yield Frame(torch.from_numpy(image).permute(2, 0, 1) / 255, index, index, index / rate)


def test_of_a_shot_three_frames_are_kept() -> None:
    references = [torch.from_numpy(scene(3, 1)[0]).permute(2, 0, 1) / 255]
    found = analyse(frames(1, 2), references, 25.0, per_shot=True)
    assert [(s.shot.start, s.shot.stop) for s in found] == [(0, 62), (62, 124)]
    for analysed in found:
        assert analysed.shot.start <= analysed.keyframe.index < analysed.shot.stop
        assert 1 <= len(analysed.colors) <= 3
        torch.testing.assert_close(analysed.colors.norm(dim=1), torch.ones(len(analysed.colors)))
        assert float((analysed.colors @ analysed.keyframe.colors).max()) == pytest.approx(1)
    assert returning(found) == [0, 1]


def test_memory_does_not_grow_with_a_shot() -> None:
    references = [torch.from_numpy(scene(3, 1)[0]).permute(2, 0, 1) / 255]
    (whole,) = analyse(frames(1, 2, 1, seconds=6), references, 25.0, per_shot=False)
    assert whole.shot == Shot(0, 450)
    assert len(whole.colors) <= 3


def test_the_view_of_a_graded_still_is_found_again() -> None:
    """The still is frame 30, graded so that its colours are rather those of the frames at the end."""
    import skimage.data

    photograph = torch.from_numpy(skimage.data.chelsea()).permute(2, 0, 1) / 255

    def frames() -> Iterator[Frame]:
        for index in range(60):
            view = photograph[:, 4 * index : 4 * index + 60, 5 * index : 5 * index + 150]
            yield Frame(view * (1.0 if index < 50 else 0.5), index, index, index / 2)

    views = {frame.index: frame.image for frame in frames()}
    still = (0.5 * views[30]).clamp(0, 1)
    (found,) = analyse(frames(), [still], 2.0, per_shot=False)
    assert found.keyframe.index == 30
    assert found.keyframe.same_view > 0.99
    (other,) = analyse(frames(), [still.flip(-1, -2)], 2.0, per_shot=False)
    assert other.keyframe.same_view == 0
    assert other.keyframe.index >= 50


def test_black_frames_of_both_are_no_pair() -> None:
    picture = torch.from_numpy(scene(3, 1)[0]).permute(2, 0, 1) / 255
    black = torch.zeros_like(picture)
    faded = [Frame(black, 0, 0, 0.0), *(replace(f, index=f.index + 1, time=f.time + 1) for f in frames(1, seconds=1))]
    (found,) = analyse(faded, [black, picture], 25.0, per_shot=False)
    assert (found.keyframe.index > 0, found.keyframe.reference, found.keyframe.same_view) == (True, 1, 0)
    (only,) = analyse(faded[:1], [black], 25.0, per_shot=False)
    assert (only.keyframe.index, only.keyframe.reference) == (0, 0)


def photographs() -> list[Tensor]:
    """Two of scikit-image's, of one size."""
    import skimage.data

    return [
        torch.from_numpy(image[:300, :450].copy()).permute(2, 0, 1) / 255
        for image in (skimage.data.astronaut(), skimage.data.coffee())
    ]


@pytest.mark.parametrize("bars", [(0, 0, 100, 100), (400, 400, 0, 0)])
def test_bars_are_not_taken_for_a_view(bars: tuple[int, ...]) -> None:
    content, other = (pad(image, bars) for image in photographs())
    frames = [Frame(content, 0, 0, 0.0)]
    for reference, view in ((other, 0.0), (0.7 * content + 0.05, 1.0)):
        (found,) = analyse(frames, read(reference), 25.0, per_shot=False)
        assert found.keyframe.same_view == pytest.approx(view, abs=0.01)


def test_the_same_view_is_found_with_bars_and_without() -> None:
    picture, other = photographs()
    boxed = pad(picture, (0, 0, 60, 60))
    for content, reference in ((boxed, picture), (picture, boxed)):
        frames = [
            Frame(image, index, index, float(index))
            for index, image in enumerate((pad(other, (0, 0, 60, 60)), content))
        ]
        (found,) = analyse(frames, read(reference), 1.0, per_shot=False)
        assert found.keyframe.index == 1
        assert found.keyframe.same_view == pytest.approx(1)
        assert torch.equal(found.keyframe.image, picture)


def read(image: Tensor) -> list[Tensor]:
    """A reference's only frame, as the pipeline reads it."""
    return [frame.image for frame in read_references([Frame(image, 0, 0, 0.0)])]  # type: ignore[arg-type]
