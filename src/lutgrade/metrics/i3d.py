"""The Inflated 3D ConvNet I3D (Carreira and Zisserman 2017), RGB, as far as its last Inception block.

Module names are those of the published PyTorch weights `rgb_imagenet.pt`, so that they load as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Triple = tuple[int, int, int]

# Channels of a block's four branches: 1x1; 1x1 then 3x3; 1x1 then 3x3; pool then 1x1.
BLOCKS: Mapping[str, tuple[int, Sequence[int]]] = {
    "Mixed_3b": (192, (64, 96, 128, 16, 32, 32)),
    "Mixed_3c": (256, (128, 128, 192, 32, 96, 64)),
    "Mixed_4b": (480, (192, 96, 208, 16, 48, 64)),
    "Mixed_4c": (512, (160, 112, 224, 24, 64, 64)),
    "Mixed_4d": (512, (128, 128, 256, 24, 64, 64)),
    "Mixed_4e": (512, (112, 144, 288, 32, 64, 64)),
    "Mixed_4f": (528, (256, 160, 320, 32, 128, 128)),
    "Mixed_5b": (832, (256, 160, 320, 32, 128, 128)),
    "Mixed_5c": (832, (384, 192, 384, 48, 128, 128)),
}
POOLED: Mapping[str, tuple[Triple, Triple]] = {  # the max pooling before a layer: kernel and stride
    "Conv3d_2b_1x1": ((1, 3, 3), (1, 2, 2)),
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
}


class I3D(nn.Module):
    """Features of clips `[B, 3, T, H, W]` at four depths, as PVCS takes them."""

    TAPS = ("Conv3d_2c_3x3", "Mixed_3c", "Mixed_4f", "Mixed_5c")

    def __init__(self) -> None:
        super().__init__()
        self.add_module("Conv3d_1a_7x7", Unit(3, 64, (7, 7, 7), (2, 2, 2)))
        self.add_module("Conv3d_2b_1x1", Unit(64, 64))
        self.add_module("Conv3d_2c_3x3", Unit(64, 192, (3, 3, 3)))
        for name, (channels, branches) in BLOCKS.items():
            self.add_module(name, Block(channels, branches))

    def forward(self, clip: Tensor) -> list[Tensor]:
        """`[B, 3, T, H, W]` to the features after each of `TAPS`."""
        taps = []
        for name, layer in self.named_children():
            clip = layer(max_pool(clip, *POOLED[name]) if name in POOLED else clip)
            if name in self.TAPS:
                taps.append(clip)
        return taps


class Unit(nn.Module):
    """Convolution with TensorFlow's `SAME` padding, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: Triple = (1, 1, 1), stride: Triple = (1, 1, 1)) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=0.001)
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv3d(pad_same(x, self.kernel, self.stride))))


class Block(nn.Module):
    """An Inception block: four branches, joined along the channels."""

    def __init__(self, inputs: int, branches: Sequence[int]) -> None:
        super().__init__()
        self.b0 = Unit(inputs, branches[0])
        self.b1a, self.b1b = Unit(inputs, branches[1]), Unit(branches[1], branches[2], (3, 3, 3))
        self.b2a, self.b2b = Unit(inputs, branches[3]), Unit(branches[3], branches[4], (3, 3, 3))
        self.b3b = Unit(inputs, branches[5])

    def forward(self, x: Tensor) -> Tensor:
        pooled = max_pool(x, (3, 3, 3), (1, 1, 1))
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], dim=1)


def max_pool(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Max pooling with `SAME` padding by zeros, below which nothing lies after a ReLU."""
    return F.max_pool3d(pad_same(x, kernel, stride), kernel, stride)


def pad_same(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Zero padding that gives ceil(size / stride) outputs, the odd one behind, as TensorFlow's `SAME`."""
    padding: list[int] = []
    for size, k, s in zip(reversed(x.shape[-3:]), reversed(kernel), reversed(stride), strict=True):
        total = max((-(-size // s) - 1) * s + k - size, 0)
        padding += [total // 2, total - total // 2]
    return F.pad(x, padding)
