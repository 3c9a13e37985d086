"""Targets: what each means for the colours of some clips."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clips import scene
from lutgrade.color.spaces import srgb_to_lab
from lutgrade.consistency.hero import hero_criteria, hero_score
from lutgrade.consistency.profiles import Profile, profile_frames
from lutgrade.consistency.targets import Member, Target, TargetSpec, build_target
from lutgrade.errors import InputError
from lutgrade.lut import Lut


def profile(seed: int, gain: float = 1.0, tint: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Profile:
    image = torch.from_numpy(scene(seed, 1)[0]).permute(2, 0, 1).float() / 255
    return profile_frames([(image * gain * torch.tensor(tint)[:, None, None]).clamp(0, 1)])


def members() -> list[Member]:
    profiles = {"a": profile(1, 0.5), "b": profile(2, 1.0), "c": profile(3, 0.8, (1.0, 0.8, 0.6))}
    return [Member(name, name, found) for name, found in profiles.items()]


def built(text: str, of: list[Member] | None = None) -> Target:
    return build_target(TargetSpec.parse(text), of or members())


def lab_mean(target: Target) -> torch.Tensor:
    return srgb_to_lab(target.final_colors[:, None].double()).mean(dim=(1, 2))


def test_the_average_lies_between_the_members_and_has_their_mean() -> None:
    clips = members()
    means = torch.stack([member.profile.mean for member in clips])
    torch.testing.assert_close(lab_mean(built("average")), means.mean(0), atol=1.5, rtol=0)


def test_the_average_does_not_hang_on_order_or_doubling() -> None:
    clips = members()
    plain = built("average", clips).colors
    torch.testing.assert_close(built("average", clips[::-1]).colors, plain, atol=1e-4, rtol=0)
    doubled = built("average", clips + clips).colors
    torch.testing.assert_close(doubled.sort(dim=1).values, plain.sort(dim=1).values, atol=5e-3, rtol=0)


def test_the_average_of_one_clip_is_its_colours() -> None:
    one = [Member("a", "a", profile(1))]
    target = built("average", one)
    difference = (target.colors.sort(dim=1).values - one[0].profile.colors.sort(dim=1).values).abs()
    assert float(difference.mean()) < 1 / 255


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.floats(0.3, 1.2), st.integers(1, 3)), min_size=2, max_size=4),
    st.randoms(use_true_random=False),
)
def test_a_weight_acts_as_repetition_in_whatever_order(drawn: list[tuple[int, float, int]], random: Random) -> None:
    profiles = [(profile(seed, gain), times) for seed, gain, times in drawn]
    weighted = [Member(str(i), str(i), found, float(times)) for i, (found, times) in enumerate(profiles)]
    repeated = [member._replace(weight=1.0) for member in weighted for _ in range(int(member.weight))]
    random.shuffle(repeated)
    scaled = [member._replace(weight=7 * member.weight) for member in weighted]
    once, often, more = (built("average", of).colors.sort(dim=1).values for of in (weighted, repeated, scaled))
    for other in (often, more):  # which colours stand for the rarest ones hangs on rounding
        assert float((other - once).abs().mean()) < 1e-3
        assert float(((other - once).abs() > 5e-3).double().mean()) < 2e-2


def test_weights_pull_the_average() -> None:
    clips = members()
    heavy = [member._replace(weight=100.0 if member.name == "b" else 1.0) for member in clips]
    torch.testing.assert_close(lab_mean(built("average", heavy)), clips[1].profile.mean, atol=1.5, rtol=0)


def test_one_of_the_clips_is_kept() -> None:
    assert built("first").kept == "a"
    assert built("brightest").kept == "b"
    assert built("hero=c").kept == "c"
    clips = members()
    best = max(clips, key=lambda member: hero_score(member.profile)).name
    assert built("hero").kept == best
    with pytest.raises(InputError, match="no hero 'z' among the clips a, b, c"):
        built("hero=z")


def test_the_hero_is_neither_dark_nor_clipped_nor_tinted() -> None:
    good = hero_criteria(profile(2))
    assert hero_criteria(profile(2, 0.2))["exposure"] < good["exposure"]
    assert hero_criteria(profile(2, 3.0))["clipping"] < good["clipping"]
    assert hero_criteria(profile(2, 1.0, (1.0, 0.6, 0.3)))["neutrality"] < good["neutrality"]
    assert all(0 <= value <= 1 for value in good.values())


def test_a_reference_gives_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "look.png"
    Image.fromarray(scene(9, 1)[0]).save(path)
    target = built(f"reference={path}")
    assert target.outside
    torch.testing.assert_close(lab_mean(target), profile(9).mean, atol=0.5, rtol=0)


def test_a_black_reference_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "black.png"
    Image.new("RGB", (32, 32)).save(path)
    with pytest.raises(InputError, match="is black"):
        built(f"reference={path}")


def test_a_palette_sets_the_hues_and_leaves_the_lightness() -> None:
    plain, tinted = lab_mean(built("average")), lab_mean(built("palette=#203040,#c08040,#f0e0c0"))
    assert abs(float(tinted[0] - plain[0])) < 3
    assert float(tinted[2]) > 5  # the palette is warm on average


def test_synthetic_means_and_deviations_are_reached() -> None:
    target = built("synthetic=55,4,10,15,6,6")
    lab = srgb_to_lab(target.colors[:, None].double())[:, 0]
    torch.testing.assert_close(lab.mean(1), torch.tensor([55.0, 4, 10]).double(), atol=1.5, rtol=0)
    torch.testing.assert_close(lab.std(1), torch.tensor([15.0, 6, 6]).double(), atol=2, rtol=0)
    assert target.exact


def test_a_lut_is_a_look_on_top_of_the_average(tmp_path: Path) -> None:
    path = Lut.from_function(lambda x: 0.8 * x, 9).save(tmp_path / "look.cube")
    target = built(f"lut={path}")
    torch.testing.assert_close(target.final_colors, 0.8 * target.colors, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("median", "no target 'median'"),
        ("average=3", "no target"),
        ("reference", "no target"),
        ("reference=/nowhere.png", "no file"),
        ("palette=#12345", "a palette is"),
        ("synthetic=1,2,3", "a synthetic target is"),
        ("synthetic=150,0,0,1,1,1", "a synthetic target is"),
        ("synthetic=50,nan,0,1,1,1", "a synthetic target is"),
    ],
)
def test_bad_targets_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TargetSpec.parse(text)


def test_a_target_is_checked_however_it_is_made() -> None:
    with pytest.raises(InputError, match="no target 'median'"):
        TargetSpec("median")
    with pytest.raises(InputError, match="no target 'average=3'"):
        TargetSpec("average", "3")
