"""What is held to do harm to a clip, and the ends of its lightness brought back."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clips import scene
from lutgrade.consistency.encoding import ENCODINGS, SDR
from lutgrade.consistency.ends import anchored
from lutgrade.consistency.harm import DULLED, LIFTED, Judge, Limits, ends, graded, neighbours_of
from lutgrade.consistency.profiles import Profile, profile_frames
from lutgrade.lut import Lut, identity_table

IDENTITY = identity_table(17)


def profile(seed: int = 0) -> Profile:
    frames = torch.from_numpy(scene(seed, 2)).permute(0, 3, 1, 2).float() / 255
    return profile_frames(0.02 + 0.96 * frames)


def judge(found: Profile, wanted: torch.Tensor | None = None) -> Judge:
    return Judge.of(found, found.colors if wanted is None else wanted)


def test_harm_is_found() -> None:
    found = profile()
    own = judge(found)
    assert own.harm(Lut(IDENTITY)) == []
    assert "clip" in own.harm(Lut((1.8 * IDENTITY).clamp(0, 1)))[0]
    assert "lift its blacks by" in own.harm(Lut(0.3 + 0.7 * IDENTITY))[0]
    assert "dull its whites by" in own.harm(Lut(0.7 * IDENTITY))[0]
    milky = judge(found, 0.3 + 0.7 * found.colors)  # the target has such blacks itself
    assert milky.harm(Lut(0.3 + 0.7 * IDENTITY)) == []


def test_a_smooth_slope_that_is_torn_into_steps_is_found() -> None:
    ramp = torch.linspace(0.2, 0.8, 128).expand(3, 128, 128).contiguous()
    own = judge(profile_frames([ramp]))
    steps = Lut.from_function(lambda x: (x * 4).round() / 4, 33)
    assert any("tear smooth tones apart" in harm for harm in own.harm(steps))
    gentle = Lut.from_function(lambda x: 0.03 + 0.94 * x, 33)
    assert own.harm(gentle) == []


def test_a_picture_of_one_pixel_has_no_neighbours() -> None:
    one = profile_frames([torch.full((3, 1, 1), 0.5)])
    assert neighbours_of(one.frames).shape == (2, 3, 0)
    assert judge(one).harm(Lut(IDENTITY)) == []


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
@settings(max_examples=15, deadline=None)
@given(lift=st.floats(0.0, 0.3), top=st.floats(0.6, 1.0))
def test_ends_are_brought_back_by_a_rising_curve_that_keeps_the_mean(encoding, lift: float, top: float) -> None:
    grey = torch.linspace(0.02, 0.9, 2048).expand(3, -1).contiguous()
    before, wanted = (ends(encoding.measured(colors)[0]) for colors in (grey, grey))
    limits = Limits(max(before[0], wanted[0]) + LIFTED, min(before[1], wanted[1]) - DULLED)
    own = Judge(grey, torch.zeros(2, 3, 0), limits, encoding)
    plain = Lut(lift + (top - lift) * identity_table(65))
    curved = anchored(plain, own)
    (black, white), (was_black, was_white) = (ends(encoding.measured(graded(lut, grey))[0]) for lut in (curved, plain))
    if limits.lowest_white <= was_white and was_black <= limits.highest_black:
        assert torch.equal(curved.table, plain.table)
    assert black <= max(was_black, limits.highest_black) + 0.1
    assert white >= min(was_white, limits.lowest_white) - 0.1
    lightness, given_ = (encoding.measured(graded(lut, grey).double())[0] for lut in (plain, curved))
    assert float(given_.diff().min()) > -1e-3
    assert abs(float(given_.mean() - lightness.mean())) < 1.0


def test_greys_stay_grey_where_ends_are_brought_back() -> None:
    found = profile()
    lifted = Lut(0.12 + 0.88 * IDENTITY)
    own = judge(found)
    assert own.harm(lifted)
    curved = anchored(lifted, own)
    assert own.harm(curved) == []
    greys = graded(curved, torch.linspace(0, 1, 17).expand(3, -1).contiguous())
    assert float(SDR.measured(greys.double())[1:].abs().max()) < 0.5


def test_neutral_ends_that_take_a_tint_are_found_and_brought_back() -> None:
    grey = profile_frames([torch.linspace(0.05, 0.95, 4096).view(1, 64, 64).repeat(3, 1, 1)])
    own = judge(grey)
    tinting = Lut((IDENTITY * torch.tensor([1.0, 0.93, 0.72])[:, None, None, None]).clamp(0, 1))
    assert any("tint its whites" in harm for harm in own.harm(tinting))
    assert not any("tint" in harm for harm in own.harm(anchored(tinting, own)))
    assert not any("tint" in harm for harm in judge(grey, graded(tinting, grey.colors)).harm(tinting))  # as asked for
    blue = profile_frames([grey.frames[0].float() * torch.tensor([0.3, 0.5, 1.0])[:, None, None]])
    deeper = Lut((IDENTITY * torch.tensor([0.7, 0.9, 1.0])[:, None, None, None]).clamp(0, 1))
    assert not any("tint" in harm for harm in judge(blue).harm(deeper))  # nothing neutral is there to be tinted
