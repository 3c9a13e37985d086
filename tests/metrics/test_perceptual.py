"""LPIPS against torchmetrics on the same trunk, DreamSim's preparation, and what both say without weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.metrics.perceptual import LPIPS, DreamSim, lpips_network
from lutgrade.protocols import Sample
from lutgrade.weights import MissingWeights


def test_lpips_agrees_with_torchmetrics(pair: tuple[Tensor, Sample], alexnet: Path) -> None:
    from torchmetrics.functional.image.lpips import _LPIPS

    graded, sample = pair
    theirs = _LPIPS(net="alex").eval()(graded, sample.target, normalize=True).flatten()
    ours = LPIPS()(graded, sample)
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-4, atol=1e-7)
    assert ours.min() > 0
    assert not ours.requires_grad


def test_lpips_of_a_frame_with_itself_is_zero(photos: Tensor, alexnet: Path) -> None:
    assert LPIPS()(photos, Sample(photos, photos, photos)).abs().max() == 0


def test_the_map_of_lpips_averages_to_about_its_value(pair: tuple[Tensor, Sample], alexnet: Path) -> None:
    graded, sample = pair
    maps = lpips_network("alex", spatial=True)(graded, sample.target, normalize=True)
    assert maps.shape == (2, 1, *graded.shape[-2:])
    torch.testing.assert_close(maps.mean(dim=(1, 2, 3)), LPIPS()(graded, sample), rtol=0.1, atol=0)


@pytest.mark.parametrize(("net", "file"), [("alex", "alexnet-owt"), ("vgg", "vgg16"), ("squeeze", "squeezenet1_1")])
def test_lpips_without_its_trunk_says_how_to_get_it(photos: Tensor, hub: Path, net: str, file: str) -> None:
    with pytest.raises(MissingWeights, match=f"get https://download.pytorch.org/models/{file}"):
        LPIPS(net)(photos, Sample(photos, photos, photos))  # type: ignore[arg-type]


def test_lpips_names_its_trunks() -> None:
    assert (LPIPS().name, LPIPS("vgg").name) == ("LPIPS", "LPIPS (vgg)")
    with pytest.raises(InputError, match="alex, vgg, squeeze"):
        lpips_network("resnet")  # type: ignore[arg-type]


class Means(nn.Module):
    """Stands in for DreamSim's networks: the distance of the resized images themselves."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        assert a.shape[1:] == (3, 224, 224)
        return (a - b).square().mean(dim=(1, 2, 3))


def test_dreamsim_resizes_as_its_package_does(pair: tuple[Tensor, Sample]) -> None:
    from PIL import Image
    from torchvision.transforms import InterpolationMode, Resize
    from torchvision.transforms.functional import pil_to_tensor

    def resized(frame: Tensor) -> Tensor:
        picture = Image.fromarray((255 * frame).round().byte().movedim(0, -1).numpy())
        return pil_to_tensor(Resize((224, 224), InterpolationMode.BICUBIC)(picture)).float() / 255

    graded, sample = pair
    expected = [(resized(a) - resized(b)).square().mean() for a, b in zip(graded, sample.target, strict=True)]
    np.testing.assert_allclose(DreamSim(Means())(graded, sample), expected, rtol=0.01)


def test_dreamsim_without_its_networks_says_how_to_get_them(photos: Tensor, hub: Path) -> None:
    with pytest.raises(MissingWeights, match=r"pip install dreamsim.*dreamsim_ensemble_checkpoint\.zip"):
        DreamSim()(photos, Sample(photos, photos, photos))
