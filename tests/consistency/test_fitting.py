"""One LUT a clip by any model, and skin protection."""

from __future__ import annotations

import pytest
import torch

from clips import scene
from lutgrade.checkpoints import load_model
from lutgrade.color.spaces import lab_to_lch, srgb_to_lab
from lutgrade.consistency.fitting import finish, fit, with_look
from lutgrade.consistency.profiles import Profile, profile_frames
from lutgrade.consistency.skin import protect_skin, skin_mask
from lutgrade.consistency.targets import Member, Target, TargetSpec, build_target
from lutgrade.lut import Lut, identity_table
from lutgrade.lut.quality import SKIN


def profile(seed: int, change: float = 1.0) -> Profile:
    frames = torch.from_numpy(scene(seed, 3)).permute(0, 3, 1, 2).float() / 255
    return profile_frames(frames**change)


def target_of(found: Profile) -> Target:
    return build_target(TargetSpec("first"), [Member("other", "other", found)])


@pytest.mark.parametrize("method", ["reinhard", "histogram", "mkl", "unbalanced_mkl", "sliced_ot", "predictor_small"])
def test_every_method_moves_a_clip_towards_the_target(method: str) -> None:
    own, wanted = profile(1), profile(1, 1.5)
    lut = fit(load_model(method), own, target_of(wanted), 9)
    assert lut.table.shape == (3, 9, 9, 9)
    graded = srgb_to_lab(lut(own.colors[:, None])).mean(dim=(1, 2))
    before, after = (float((m - wanted.mean).norm()) for m in (own.mean, graded.double()))
    assert after < 0.8 * before


@pytest.mark.parametrize("method", ["reinhard", "histogram", "mkl", "unbalanced_mkl", "sliced_ot"])
def test_a_clip_that_is_the_target_stays(method: str) -> None:
    own = profile(2)
    lut = fit(load_model(method), own, target_of(own), 9)
    assert float((lut(own.colors[:, None])[:, 0] - own.colors).abs().mean()) < 1 / 255


def test_strength_and_look() -> None:
    half = Lut(identity_table(5) * 0.5)
    torch.testing.assert_close(finish(half, 0.5, 0.0).table, identity_table(5) * 0.75)
    assert torch.equal(finish(half, 0.0, 0.0).table, identity_table(5))
    target = target_of(profile(1))
    assert with_look(half, target) is half
    looked = Target(target.name, target.colors, target.pictures, look=Lut(identity_table(5) * 0.5))
    torch.testing.assert_close(with_look(half, looked).table, identity_table(5) * 0.25)


def test_the_mask_is_on_skin_and_nowhere_else() -> None:
    skin = torch.tensor(SKIN).T[:, None] / 255
    assert float(skin_mask(skin).min()) > 0.5
    others = torch.tensor([[0.1, 0.3, 0.8], [0.2, 0.6, 0.2], [0.5, 0.5, 0.5], [0.0, 0.0, 0.0]]).T[:, None]
    assert float(skin_mask(others).max()) < 0.35


def test_protected_skin_keeps_its_hue_and_chroma_but_follows_the_exposure() -> None:
    blue = Lut.from_function(lambda x: (x * torch.tensor([0.6, 0.75, 1.0])[:, None, None]).clamp(0, 1), 33)
    protected = Lut(protect_skin(blue.table, 1.0))
    skin = torch.tensor(SKIN).T[:, None] / 255
    own, plain, kept = (lab_to_lch(srgb_to_lab(x)) for x in (skin, blue(skin), protected(skin)))

    def turn(x: torch.Tensor) -> torch.Tensor:
        return (torch.remainder(x[2] - own[2] + 180, 360) - 180).abs()

    assert float(turn(kept).mean()) < 0.4 * float(turn(plain).mean())
    assert float((kept[0] - plain[0]).abs().mean()) < 3
    sky = torch.tensor([0.3, 0.5, 0.9])[:, None, None]
    torch.testing.assert_close(protected(sky), blue(sky), atol=0.02, rtol=0)
    torch.testing.assert_close(protect_skin(blue.table, 0.0), blue.table, atol=1e-3, rtol=0)
