"""One step of training at the paper's scale, without memory behind it: that shapes and devices agree."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from torch import Tensor, nn

from lutgrade import paths
from lutgrade.checkpoints import build
from lutgrade.models.conditions import StyleDifference
from lutgrade.models.editor import ImageEditor
from lutgrade.models.frames import square
from lutgrade.objectives.editing import Editing
from lutgrade.objectives.lut_diffusion import LutDenoising
from lutgrade.protocols import Sample


class ShapesOnly:
    """Stable Diffusion's codec as far as shapes go."""

    channels, factor, scale, size = 4, 8, 0.18215, 512

    def fit(self, images: Tensor) -> Tensor:
        return square(images, self.size, "crop")

    def encode(self, images: Tensor) -> Tensor:
        return images.new_zeros(len(images), 4, images.shape[-2] // 8, images.shape[-1] // 8)

    def context(self, images: Tensor) -> Tensor:
        return images.new_zeros(len(images), 1, 768)


def model_of(name: str) -> nn.Module:
    with initialize_config_dir(str(paths.configs() / "model"), version_base=None):
        settings = compose(name)
    with torch.device("meta"):
        model: Any = build(settings)
    for module in model.modules():
        if isinstance(module, ImageEditor | StyleDifference):
            module.codec = ShapesOnly()  # type: ignore[assignment]
    return model.to("meta").train()


@pytest.mark.parametrize("name", ["vcg", "vcg_vgg", "vcg_editor_released"])
def test_a_step_reaches_every_weight_that_is_trained(name: str) -> None:
    model = model_of(name)
    frames, reference = torch.empty(2, 1, 3, 90, 160, device="meta"), torch.empty(2, 1, 3, 70, 50, device="meta")
    batch = Sample(frames, reference, target=frames, lut=torch.empty(2, 3, 33, 33, 33, device="meta"))
    objective: Any = Editing() if isinstance(model, ImageEditor) else LutDenoising(image=1.0)
    objective(model, batch)["loss"].backward()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert len(trained) > 200
    assert all(parameter.grad is not None for parameter in trained)
