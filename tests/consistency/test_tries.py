"""The search: how far each clip goes, which try is best, and what never is done to one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from clips import scene
from lutgrade.consistency.deciding import buckets_of
from lutgrade.consistency.distance import Consistency, Pair
from lutgrade.consistency.encoding import SDR
from lutgrade.consistency.fitting import load_models
from lutgrade.consistency.harm import graded
from lutgrade.consistency.plan import MatchOptions, Unit
from lutgrade.consistency.profiles import WHOLE, Profile, profile_frames
from lutgrade.consistency.restraint import MOST_STOPS
from lutgrade.consistency.targets import TargetSpec
from lutgrade.consistency.tries import NOTICEABLE, Try, ranked, search
from lutgrade.lut import Lut


def profile(seed: int, gain: Sequence[float] = (1.0, 1.0, 1.0)) -> Profile:
    frames = torch.from_numpy(scene(seed, 2)).permute(0, 3, 1, 2).float() / 255
    return profile_frames((0.04 + 0.8 * frames) * torch.tensor(gain)[:, None, None])


def searched(profiles: dict[str, Profile], **options: object) -> list[Try]:
    asked = MatchOptions(**{"size": 17, "method": "mkl", **options}).of(SDR, [])
    units = [
        Unit(name, index, name, 0, WHOLE, found, asked.target, group="all")
        for index, (name, found) in enumerate(profiles.items())
    ]
    return search(buckets_of(units, asked), asked, load_models(asked.methods, SDR, asked.nodes, "cpu"))


def mean(found: Profile, lut: Lut) -> torch.Tensor:
    return SDR.measured(graded(lut, found.colors).double()).mean(1)


def made(worst: float, method: str) -> Try:
    return Try(method, 1.0, {}, Consistency((Pair("a", "b", worst, worst),)), {}, 0.0)


def test_a_rougher_method_has_to_bring_what_is_seen() -> None:
    def best(*worst: float) -> str:
        return ranked([made(value, str(index)) for index, value in enumerate(worst)], 3.0)[0].method

    assert best(8.0, 8.0 - 0.9 * NOTICEABLE) == "0"
    assert best(8.0, 7.5, 8.0 - 1.1 * NOTICEABLE) == "2"
    assert best(3.2, 2.9) == "1"  # below the threshold is what was asked for
    assert best(2.9, 2.5, 9.0) == "0"
    found = ranked([made(9.0, "a"), made(8.9, "b"), made(8.5, "c")], 3.0)
    assert [t.method for t in found] == ["a", "c", "b"]


@pytest.mark.parametrize(("max_strength", "strength"), [(1.5, 1.0), (None, 1.5)])
def test_more_strength_does_not_change_the_light_by_more_than_is_allowed(
    max_strength: float | None, strength: float
) -> None:
    night, day = profile(1, (0.15, 0.15, 0.15)), profile(2)
    options = {"target": TargetSpec.parse("hero=day"), "max_strength": max_strength, "strength": strength}
    tries = searched({"night": night, "day": day}, **options)
    assert max(t.strength for t in tries) == 1.5
    own = SDR.luminance(float(night.mean[0]))
    for found in tries:
        reached = SDR.luminance(float(mean(night, found.luts["night"])[0]))
        assert reached < own * 2 ** (MOST_STOPS + 0.15)
        assert "its light may change by 1.5 stops at most" in found.held["night"]


def test_more_strength_leads_no_clip_past_the_target() -> None:
    """The night misses the threshold whatever is done; the warm clip is there already and stays."""
    clips = {"day": profile(1), "warm": profile(1, (1.0, 0.85, 0.7)), "night": profile(2, (0.15, 0.15, 0.15))}
    plain, *stronger = sorted(searched(clips, target=TargetSpec("first")), key=lambda t: t.strength)
    assert [t.strength for t in (plain, *stronger)] == [1.0, 1.25, 1.5]
    for found in stronger:
        assert torch.equal(found.luts["warm"].table, plain.luts["warm"].table)


def test_what_is_held_back_is_said_with_how_far_it_went() -> None:
    clips = {"a": profile(1), "b": profile(2, (0.15, 0.15, 0.15))}
    (found,) = searched(clips, target=TargetSpec("first"), max_strength=1)
    assert found.held.keys() == {"b"}
    assert found.held["b"].startswith("moved only ")
    assert "% of the way: its light may change by 1.5 stops at most" in found.held["b"]
