"""Profiles against direct computation, and in bounded memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from clips import scene, write_clip
from lutgrade.color.spaces import srgb_to_lab
from lutgrade.consistency.profiles import (
    COLORS,
    LEVELS,
    MAX_FRAMES,
    Profiler,
    profile_file,
    profile_frames,
    profile_spans,
    shot_spans,
)
from lutgrade.errors import InputError


def pictures(seed: int, count: int) -> torch.Tensor:
    return torch.from_numpy(scene(seed, count)).permute(0, 3, 1, 2).float() / 255  # [T, 3, H, W]


def test_moments_and_quantiles_are_those_of_all_pixels() -> None:
    frames = pictures(1, 5)
    profile = profile_frames(frames)
    lab = srgb_to_lab(frames).double().movedim(1, 0).flatten(1)  # [3, N]
    torch.testing.assert_close(profile.mean, lab.mean(1), atol=1e-4, rtol=0)
    torch.testing.assert_close(profile.covariance, torch.cov(lab, correction=0), atol=1e-2, rtol=1e-4)
    expected = torch.quantile(lab, torch.linspace(0, 1, LEVELS, dtype=torch.float64), dim=1).T
    torch.testing.assert_close(profile.quantiles, expected, atol=0.3, rtol=0)
    assert bool((profile.quantiles.diff(dim=1) >= 0).all())


def test_memory_is_bounded_and_the_frames_kept_are_evenly_spaced() -> None:
    profiler = Profiler()
    for index in range(200):
        profiler.add(torch.full((3, 4, 4), index / 200), float(index))
    profile = profiler.finish()
    assert profile.seen == 200
    assert MAX_FRAMES / 2 <= len(profile.frames) <= MAX_FRAMES
    steps = np.diff(profile.times)
    assert (steps == steps[0]).all()
    assert profile.colors.shape == (3, COLORS)


def test_figures_of_a_known_picture() -> None:
    image = torch.zeros(3, 10, 10)
    image[:, :, 5:] = torch.tensor([1.0, 1.0, 1.0])[:, None, None]
    profile = profile_frames([image])
    assert profile.black_point == pytest.approx(0, abs=0.1)
    assert profile.white_point == pytest.approx(100, abs=0.1)
    assert float(profile.mean[0]) == pytest.approx(50, abs=0.1)
    assert float(profile.deviation[0]) == pytest.approx(50, abs=0.1)
    assert profile.cast[0] == pytest.approx(0, abs=0.1)
    chroma, hue = profile_frames([torch.tensor([0.6, 0.4, 0.3])[:, None, None].expand(3, 4, 4)]).cast
    assert chroma > 15
    assert hue == "orange"


def test_black_is_told_from_dark() -> None:
    dark = pictures(1, 1)[0] * 0.15
    assert profile_frames([torch.zeros(3, 8, 8)]).is_black
    assert not profile_frames([dark]).is_black


def test_a_clip_is_looked_at_once_a_second_and_by_spans(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", np.concatenate([scene(1, 30), scene(2, 30)]), rate=10)
    whole = profile_file(clip)
    assert whole.seen == 6
    first, second = profile_spans(clip, [(float("-inf"), 3.0), (3.0, float("inf"))]).values()
    assert (first.seen, second.seen) == (3, 3)
    torch.testing.assert_close((first.mean + second.mean) / 2, whole.mean, atol=1e-6, rtol=0)
    with pytest.raises(InputError, match="no frame"):
        profile_spans(clip, [(100.0, 200.0)])
    between = profile_spans(clip, [(float("-inf"), 3.0), (3.01, 3.09), (3.1, float("inf"))])
    assert {number: profile.seen for number, profile in between.items()} == {0: 30, 2: 29}


def test_shots_become_spans(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", np.concatenate([scene(1, 20), scene(2, 20)]), rate=10)
    spans = shot_spans(clip)
    assert spans[0][0] == float("-inf")
    assert spans[-1][1] == float("inf")
    assert [stop for _, stop in spans[:-1]] == [pytest.approx(2.0)]
