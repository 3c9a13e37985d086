"""Image encoders of four scales: VGG-19 to relu4_1, and a small one that stands in where its weights are absent."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.models.frames import clean, resized
from lutgrade.models.layers import group_norm
from lutgrade.weights import VGG19, MissingWeights

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # sRGB-encoded

# Convolutions in order, (in, out); a 2 x 2 max pool comes before those in `_AFTER_POOL`; `_TAPS` end a scale.
_CONVOLUTIONS = (
    (3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256), (256, 256), (256, 512),
)  # fmt: skip
_AFTER_POOL, _TAPS = (2, 4, 8), (0, 2, 4, 8)  # relu1_1, relu2_1, relu3_1, relu4_1
_TORCHVISION = (0, 2, 5, 7, 10, 12, 14, 16, 19)  # their indices in torchvision's `features`
_NORMALISED = (2, 5, 9, 12, 16, 19, 22, 25, 29)  # and in the normalised VGG of AdaIN and NLUT


class VGGEncoder(nn.Module):
    """VGG-19 up to relu4_1, frozen.

    A 1 x 1 convolution in front holds the normalisation of the input, so that images go in as they are. Borders are
    reflected.

    Args:
        weights: what `initialise` reads: "imagenet" for torchvision's file, or the path of one with torchvision's
            keys or those of the normalised VGG (`vgg_normalised.pth`). Until then, and until a checkpoint is
            loaded, the weights are random.
    """

    channels: tuple[int, ...] = (64, 128, 256, 512)

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        self.weights = weights
        self.stem = nn.Conv2d(3, 3, 1)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=1, padding_mode="reflect") for i, o in _CONVOLUTIONS
        )
        self.requires_grad_(False)

    def initialise(self) -> None:
        """Reads the weights that training starts from; a checkpoint that is loaded brings its own.

        Raises:
            MissingWeights: the file is not there; says how to get it.
            InputError: it is not a VGG-19.
        """
        if self.weights is not None:
            self.load_state_dict(read_vgg(self.weights))

    def forward(self, image: Tensor) -> list[Tensor]:
        """`[B, 3, H, W]`, sRGB-encoded in [0, 1], H and W at least 16, to four maps, each half the size of the last."""
        x, scales = self.stem(image), []
        for i, convolution in enumerate(self.convolutions):
            if i in _AFTER_POOL:
                x = F.max_pool2d(x, 2)
            x = F.relu(convolution(x))
            if i in _TAPS:
                scales.append(x)
        return scales


class SmallEncoder(nn.Module):
    """Four strided convolutions, trained from scratch with the model, or frozen at random weights.

    Args:
        channels: of the four scales; all but the first are normalised by groups of eight channels.
        seed: of the initial weights; None takes them from torch's global generator.
        frozen: keep the weights as they are: random features, for a loss where VGG's weights are absent.
    """

    def __init__(
        self, channels: tuple[int, ...] = (24, 48, 96, 128), *, seed: int | None = None, frozen: bool = False
    ) -> None:
        super().__init__()
        self.channels = tuple(channels)
        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            inputs = (3, *self.channels[:-1])
            self.convolutions = nn.ModuleList(
                nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in zip(inputs, self.channels, strict=True)
            )
        # The first scale keeps the level of each channel, which is what a grade changes.
        self.norms = nn.ModuleList(group_norm(o) if k else nn.Identity() for k, o in enumerate(self.channels))
        self.requires_grad_(not frozen)

    def initialise(self) -> None:
        """Nothing to read."""

    def forward(self, image: Tensor) -> list[Tensor]:
        """`[B, 3, H, W]`, sRGB-encoded in [0, 1], to four maps, each half the size of the last."""
        x, scales = 2 * image - 1, []
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.silu(norm(convolution(x)))
            scales.append(x)
        return scales


def to_square(image: Tensor, side: int) -> Tensor:
    """Images `[B, 3, H, W]` as `[B, 3, side, side]` in [0, 1], NaN as 0; shrunk with antialiasing, shape ignored."""
    return resized(clean(image), side, side)


def read_vgg(weights: str | Path) -> dict[str, Tensor]:
    """The state of a `VGGEncoder` from "imagenet" or the path of a published VGG-19; raises as its `initialise`."""
    path = VGG19.path() if weights == "imagenet" else Path(weights)
    if not path.is_file():
        raise MissingWeights(f"there is no VGG-19 at {path}; get {VGG19.url}, or the normalised one, and save it there")
    try:
        return _from_published(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch.load fails in many ways on a file that is not its own
        raise InputError(f"{path} does not hold a VGG-19 ({type(error).__name__})") from error


def fold_normalisation(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A linear map `[3, 3]`, `[3]` of ImageNet-normalised colours as the 1 x 1 convolution of plain ones."""
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    return (weight / std).view(3, 3, 1, 1), bias - weight @ (mean / std)


def _from_published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A published state under our names, with the normalisation of the input in the 1 x 1 convolution."""
    normalised = "features.0.weight" not in state
    weight = state["0.weight"].view(3, 3) if normalised else torch.eye(3)
    bias = state["0.bias"] if normalised else torch.zeros(3)
    ours = dict(zip(("stem.weight", "stem.bias"), fold_normalisation(weight, bias), strict=True))
    for i, index in enumerate(_NORMALISED if normalised else _TORCHVISION):
        for kind in ("weight", "bias"):
            theirs = f"{index}.{kind}" if normalised else f"features.{index}.{kind}"
            ours[f"convolutions.{i}.{kind}"] = state[theirs]
    return ours
