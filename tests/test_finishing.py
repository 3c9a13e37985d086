"""A grade and its effects as one step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.finishing import FinishedGrade, finish_file
from lutgrade.lut import Lut
from lutgrade.video import open_video
from lutgrade.video.effect_text import parse_effects
from lutgrade.video.effects import Effects, Vignette
from video.hdr_clips import make_hdr_clip
from video.video_clips import decoded, make_clip, packets


def look() -> Lut:
    return Lut.from_function(lambda x: (1.1 * x - 0.03).clamp(0, 1) ** 1.2, 33)


def picture() -> Tensor:
    return torch.rand(3, 40, 50, generator=torch.Generator().manual_seed(0))


def test_colors_are_baked_within_rounding() -> None:
    effects = parse_effects("curves=0/0.05 0.5/0.55 1/0.97, white-balance=5000, levels=0.03/0.96")
    image = picture()
    expected = effects.map_colors(look()(image, interpolation="tetrahedral"))
    error = (FinishedGrade.of(look(), effects)(image) - expected).abs()
    assert error.mean() < 0.02 / 255
    assert error.max() < 1.5 / 255  # at the kink where levels clip


def test_without_effects_the_lut_stays() -> None:
    grade, image = look(), picture()
    finished = FinishedGrade.of(grade, Effects())
    assert finished.lut is grade
    assert torch.equal(finished(image), grade(image, interpolation="tetrahedral"))


def test_the_vignette_and_the_opacity_come_last() -> None:
    image = picture()
    effects = Effects(vignette=Vignette(0.8), opacity=0.6)
    graded = effects.vignette(look()(image, interpolation="trilinear"))  # type: ignore[misc]
    finished = FinishedGrade.of(look(), effects)(image, interpolation="trilinear")
    torch.testing.assert_close(finished, 0.6 * graded + 0.4 * image)


def test_a_file_is_finished_with_its_sound(tmp_path: Path) -> None:
    clip = make_clip(
        tmp_path / "a.mkv", codec="ffv1", pixel_format="gbrp10le", count=3, audio="pcm_s16le", size=(64, 48)
    )
    effects = parse_effects("levels=0.05/0.95, vignette=0.5")
    output = finish_file(clip, effects, lut=look().save(tmp_path / "look.cube"))
    assert output == tmp_path / "a_graded.mkv"
    assert packets(output, "audio") == packets(clip, "audio")
    for before, after in zip(open_video(clip), open_video(output), strict=True):
        expected = FinishedGrade.of(look(), effects)(before.image)
        assert (after.image - expected).abs().max() < 1 / 1023
    with pytest.raises(InputError, match="overwrite"):
        finish_file(clip, effects)


def test_without_effects_a_file_stays_as_it_is(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", codec="ffv1", pixel_format="yuv420p", count=2, size=(64, 48))
    output = finish_file(clip, Effects(), tmp_path / "b.mkv")
    for before, after in zip(decoded(clip), decoded(output), strict=True):
        assert np.array_equal(before.to_ndarray(), after.to_ndarray())


def test_hdr_is_refused(tmp_path: Path) -> None:
    clip = make_hdr_clip(tmp_path / "a.mkv", [torch.full((3, 48, 64), 0.5)], 16)
    with pytest.raises(InputError, match=r"is HDR \(PQ\)"):
        finish_file(clip, Effects())
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]
