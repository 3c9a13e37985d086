"""Fixtures of the metric tests: real photographs that come with a package, and an empty folder for weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lutgrade.protocols import Sample
from lutgrade.torchvision_shim import prepare_torchvision
from lutgrade.weights import ALEXNET

prepare_torchvision()  # the libraries that the tests compare with need torchvision


@pytest.fixture(scope="session")
def photos() -> Tensor:
    """Two photographs, sRGB-encoded, [2, 3, 256, 288]."""
    from skimage import data

    images = [torch.from_numpy(image).movedim(-1, 0)[:, 20:276, 100:388] for image in (data.chelsea(), data.coffee())]
    return torch.stack(images).float() / 255


@pytest.fixture(scope="session")
def pair(photos: Tensor) -> tuple[Tensor, Sample]:
    """The photographs, and a sample whose target is a darker and blurrier rendering of them."""
    blurred = torch.nn.functional.avg_pool2d(photos, 5, stride=1, padding=2, count_include_pad=False)
    return photos, Sample(frames=photos, reference=photos[:1], target=blurred**1.2)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place where published weights are looked for."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def alexnet(hub: Path) -> Path:
    """An AlexNet's weights, random, in the place of the published ones; its classifier takes no room."""
    from torchvision.models import alexnet

    torch.manual_seed(0)
    state = {
        name: torch.zeros(1).expand(value.shape) if name.startswith("classifier.") else value
        for name, value in alexnet().state_dict().items()
    }
    torch.save(state, hub / ALEXNET.file)
    return hub
