"""The first three feature maps of VGG-19, which see colour more than texture."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from lutgrade.models.encoders import VGGEncoder, read_vgg


class EarlyVGG(nn.Module):
    """VGG-19 to relu1_1, relu1_2 and relu2_1, frozen.

    Args:
        weights: "imagenet" for torchvision's file, or the path of one that `VGGEncoder` reads; None keeps them random.
    """

    channels: tuple[int, ...] = (64, 64, 128)

    def __init__(self, weights: str | None = "imagenet") -> None:
        super().__init__()
        self.vgg = VGGEncoder(weights)
        del self.vgg.convolutions[len(self.channels) :]

    def initialise(self) -> None:
        """Reads the weights.

        Raises:
            MissingWeights: the file is not there; says how to get it.
            InputError: it is not a VGG-19.
        """
        if self.vgg.weights is not None:
            whole = read_vgg(self.vgg.weights)
            self.vgg.load_state_dict({name: whole[name] for name in self.vgg.state_dict()})

    def forward(self, image: Tensor) -> list[Tensor]:
        """`[B, 3, H, W]`, sRGB-encoded in [0, 1], to maps of H x W, H x W and half of both."""
        first, second, third = self.vgg.convolutions
        relu1_1 = F.relu(first(self.vgg.stem(image)))
        relu1_2 = F.relu(second(relu1_1))
        return [relu1_1, relu1_2, F.relu(third(F.max_pool2d(relu1_2, 2)))]
