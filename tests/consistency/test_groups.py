"""Clips of like content come together whatever their grade."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from clips import scene
from lutgrade.consistency.groups import cluster, lab_features
from lutgrade.consistency.profiles import Profile, profile_frames
from lutgrade.video import open_video
from lutgrade.weights import MissingWeights

GRADES = {"plain": (1.0, 1.0, 1.0), "warm": (1.0, 0.85, 0.65), "cool": (0.75, 0.85, 1.0), "dim": (0.8, 0.8, 0.8)}


def graded(image: torch.Tensor) -> list[Profile]:
    return [profile_frames([image * torch.tensor(gain)[:, None, None]]) for gain in GRADES.values()]


@pytest.mark.filterwarnings("ignore:.*says no colour matrix")
def test_unlike_clips_part_and_grades_of_one_stay_together(data_dir: Path) -> None:
    profiles = []
    for name in ("bedroom", "cockatoo", "video1"):
        with open_video(data_dir / "clips" / f"{name}.mp4", max_side=256) as reader:
            profiles += graded(next(iter(reader)).image)
    labels, features = cluster(profiles, "lab")
    assert features == "lab"
    assert labels == [0] * 4 + [1] * 4 + [2] * 4


def test_features_are_of_unit_length_and_do_not_move_with_exposure() -> None:
    image = torch.from_numpy(scene(1, 1)[0]).permute(2, 0, 1).float() / 255
    plain, *others = [lab_features(profile) for profile in graded(image)]
    torch.testing.assert_close(plain.norm(), torch.tensor(1.0))
    assert all(float(plain @ other) > 0.85 for other in others)


def test_one_clip_is_one_group() -> None:
    assert cluster([profile_frames([torch.rand(3, 8, 8)])], "lab")[0] == [0]


def test_clip_features_are_refused_without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingWeights("none here")

    monkeypatch.setattr("lutgrade.models.keyframe_encoders.open_clip", missing)
    profiles = [profile_frames([torch.from_numpy(scene(s, 1)[0]).permute(2, 0, 1) / 255]) for s in (1, 2)]
    assert cluster(profiles, "auto")[1] == "lab"
    with pytest.raises(MissingWeights, match="none here"):
        cluster(profiles, "clip")
