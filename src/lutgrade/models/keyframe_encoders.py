"""What the similarity of key frames can be measured on: published networks, and chance."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.models.encoders import IMAGENET_MEAN, IMAGENET_STD
from lutgrade.models.frames import clean
from lutgrade.models.pretrained import load_transformers, local_folder, missing_library, weights_digest
from lutgrade.torchvision_shim import prepare_torchvision
from lutgrade.weights import MissingWeights, Weights

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
RESNEXT = Weights("resnext50_32x4d-1a0047aa.pth", "https://download.pytorch.org/models/resnext50_32x4d-1a0047aa.pth")


@dataclass(frozen=True)
class Preprocessing:
    """The shorter side resized with antialiasing, the middle square cut out, and the colours normalised.

    Args:
        resize: pixels of the shorter side.
        crop: pixels a side of the square, at most `resize`.
        mean, std: of the training images, sRGB-encoded.
        mode: "bilinear" or "bicubic".
    """

    resize: int
    crop: int
    mean: Sequence[float] = CLIP_MEAN
    std: Sequence[float] = CLIP_STD
    mode: str = "bicubic"

    def __call__(self, images: Tensor) -> Tensor:
        """`[K, 3, H, W]`, sRGB-encoded in [0, 1], NaN as 0, to `[K, 3, crop, crop]`."""
        images = clean(images.float())
        height, width = images.shape[-2:]
        short = min(height, width)
        # The longer side is cut to a whole number, as torchvision, and with it CLIP and transformers, have it.
        size = (int(self.resize * height / short), int(self.resize * width / short))
        if size != (height, width):
            images = F.interpolate(images, size, mode=self.mode, antialias=True).clamp(0, 1)  # bicubic overshoots
        top, left = (round((side - self.crop) / 2.0) for side in size)
        images = images[..., top : top + self.crop, left : left + self.crop]
        mean, std = images.new_tensor(self.mean), images.new_tensor(self.std)
        return (images - mean[:, None, None]) / std[:, None, None]


class PretrainedEncoder(nn.Module):
    """A frozen network that makes one vector of an image.

    Args:
        network: in eval mode.
        preprocess: images as the network was trained on them.
        read: `(network, pixels [K, 3, S, S])` to features `[K, D]`.
        kind: what `read` takes from the network, for the signature.
    """

    def __init__(
        self, network: nn.Module, preprocess: Preprocessing, read: Callable[[nn.Module, Tensor], Tensor], kind: str
    ) -> None:
        super().__init__()
        self.network, self.preprocess, self.read, self.kind = network, preprocess, read, kind

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Tensor:
        """Images `[K, 3, H, W]`, sRGB-encoded in [0, 1], on any device, to features `[K, D]` on the same."""
        device = next(self.network.parameters()).device
        return self.read(self.network, self.preprocess(images.to(device))).float().to(images.device)

    @cached_property
    def signature(self) -> str:
        """Changes whenever the features of an image may."""
        return f"{self.kind} {self.preprocess} {weights_digest(self.network)}"


def open_clip(source: str | Path = "timm/vit_base_patch32_clip_224.openai") -> PretrainedEncoder:
    """CLIP's image embedding, after the projection, with open_clip.

    Args:
        source: a folder with `open_clip_config.json` and weights, or a repository of such on the Hugging Face Hub.

    Raises:
        MissingWeights: they are not on this machine.
        InputError: the folder is of another kind of network.
    """
    folder = local_folder(source)
    if not (folder / "open_clip_config.json").is_file():
        raise MissingWeights(f"{folder} holds no open_clip_config.json; download {source} anew")
    prepare_torchvision()
    try:
        import open_clip as library  # type: ignore[import-untyped]
    except ImportError as error:
        raise missing_library(error) from error
    try:
        network = library.create_model(f"local-dir:{folder}", require_pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{folder} cannot be loaded by open_clip: {str(error).splitlines()[0]}") from error
    config = library.get_model_preprocess_cfg(network)
    if config["resize_mode"] != "shortest":
        raise InputError(f"{folder} resizes images by '{config['resize_mode']}'; only 'shortest' is supported")
    side = config["size"] if isinstance(config["size"], int) else config["size"][0]
    preprocess = Preprocessing(side, side, config["mean"], config["std"], config["interpolation"])
    return PretrainedEncoder(network.eval().requires_grad_(False), preprocess, _image_embedding, "open_clip")


def clip_pooler(source: str | Path = "openai/clip-vit-base-patch32") -> PretrainedEncoder:
    """The pooler output of CLIP's image half, before the projection (768 numbers), which the released VCG uses.

    Args:
        source: a folder, or a repository on the Hugging Face Hub.

    Raises:
        MissingWeights: they are not on this machine.
    """
    network = load_transformers("CLIPVisionModel", source)
    side = int(network.config.image_size)  # type: ignore[union-attr, arg-type]
    return PretrainedEncoder(network, Preprocessing(side, side), _pooler, "pooler")


def dinov2(source: str | Path = "facebook/dinov2-base", *, resize: int = 256, crop: int = 224) -> PretrainedEncoder:
    """The class token of DINOv2, normalised (Oquab et al., 2023).

    Args:
        source: a folder, or a repository on the Hugging Face Hub.
        resize, crop: of its images, in pixels.

    Raises:
        MissingWeights: they are not on this machine.
    """
    network = load_transformers("Dinov2Model", source)
    return PretrainedEncoder(network, Preprocessing(resize, crop, IMAGENET_MEAN, IMAGENET_STD), _pooler, "pooler")


def resnext(weights: str | Path | None = None, *, resize: int = 232, crop: int = 224) -> PretrainedEncoder:
    """ResNeXt-50 32x4d of torchvision, trained on ImageNet: its pooled last features, 2,048 numbers.

    Args:
        weights: a file of torchvision's; None looks for its own in torch hub's folder.
        resize, crop: of its images, in pixels; as its second weights were evaluated.

    Raises:
        MissingWeights: they are not on this machine.
        InputError: the file is no ResNeXt-50.
    """
    path = RESNEXT.path() if weights is None else Path(weights)
    if not path.is_file():
        raise MissingWeights(f"there is no file {path}")
    prepare_torchvision()
    try:
        from torchvision.models import resnext50_32x4d  # type: ignore[import-untyped]
    except ImportError as error:
        raise missing_library(error) from error

    network = resnext50_32x4d()
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch.load fails in many ways on a file that is not its own
        raise InputError(f"{path} does not hold a ResNeXt-50 32x4d: {str(error).splitlines()[0]}") from error
    network.fc = nn.Identity()
    preprocess = Preprocessing(resize, crop, IMAGENET_MEAN, IMAGENET_STD, "bilinear")
    return PretrainedEncoder(network.eval().requires_grad_(False), preprocess, _output, "pooled")


class RandomEncoder:
    """Chance, for comparison: a random direction per image, the same for the same image and seed.

    Every pair of different images is as likely to be the most similar as any other.

    Args:
        seed: of the directions.
        length: of the vectors.
    """

    def __init__(self, seed: int = 0, length: int = 64) -> None:
        self.seed, self.length = seed, length
        self.signature = f"random {seed} {length}"

    def __call__(self, images: Tensor) -> Tensor:
        """Images `[K, 3, H, W]` to `[K, length]`."""
        return torch.stack([self._direction(image) for image in images]).to(images.device)

    def _direction(self, image: Tensor) -> Tensor:
        pixels = image.detach().float().cpu().contiguous().numpy().tobytes()
        digest = hashlib.sha256(self.seed.to_bytes(8, "big", signed=True) + pixels).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        return torch.randn(self.length, generator=generator)


def _image_embedding(network: nn.Module, pixels: Tensor) -> Tensor:
    return cast(Tensor, network.encode_image(pixels))  # type: ignore[operator]


def _pooler(network: nn.Module, pixels: Tensor) -> Tensor:
    return cast(Tensor, network(pixel_values=pixels).pooler_output)


def _output(network: nn.Module, pixels: Tensor) -> Tensor:
    return cast(Tensor, network(pixels))
