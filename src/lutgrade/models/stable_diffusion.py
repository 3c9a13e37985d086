"""Stable Diffusion 1.5: its U-Net, its VAE and the CLIP image encoder beside it, random or from published weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.models.frames import Fit, checked_fit, square
from lutgrade.models.keyframe_encoders import PretrainedEncoder, clip_pooler
from lutgrade.models.pretrained import local_folder
from lutgrade.torchvision_shim import prepare_torchvision
from lutgrade.weights import MissingWeights, read_all

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
CLIP = "openai/clip-vit-base-patch32"
WEIGHTS = "diffusion_pytorch_model.safetensors"  # in the folder of a part
Widened = Literal["zero", "random"]

UNET: Mapping[str, Any] = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "attention_head_dim": 8,  # of diffusers' two meanings: the number of heads
    "cross_attention_dim": 768,
}


def make_unet(**changes: Any) -> UNet2DConditionModel:
    """SD 1.5's U-Net with random weights; `changes` are arguments of `UNet2DConditionModel`."""
    prepare_torchvision()  # transformers imports it, and diffusers imports transformers
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    return UNet2DConditionModel(**{**UNET, **changes})


def load_part(part: Literal["unet", "vae"], source: str | Path = SD15) -> nn.Module:
    """The U-Net or the VAE of a Stable Diffusion 1, frozen, in eval mode.

    Args:
        part: which; the name of its folder in the repository.
        source: a folder that holds it, or a repository on the Hugging Face Hub that was downloaded before.

    Raises:
        MissingWeights: it is not on this machine; says what to get and where it goes.
        InputError: the folder holds another network.
    """
    prepare_torchvision()
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from safetensors import SafetensorError

    folder = _folder_of(part, source)
    kind = UNet2DConditionModel if part == "unet" else AutoencoderKL
    try:
        network = kind.from_pretrained(folder, subfolder=part, local_files_only=True)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder / part} cannot be loaded as a {kind.__name__}: {reason}") from error
    return network.eval().requires_grad_(False)


def _folder_of(part: str, source: str | Path) -> Path:
    """The folder that holds a part's; else says what to run."""
    from huggingface_hub import constants

    files = [f"{part}/config.json", f"{part}/{WEIGHTS}"]
    try:
        folder = local_folder(source)
        missing = [file for file in files if not (folder / file).is_file()]
    except MissingWeights:
        missing = files
    if missing:
        raise MissingWeights(
            f"{source} has no {' and no '.join(missing)} on this machine: run `hf download {SD15} {' '.join(files)}`, "
            f"which puts them into {constants.HF_HUB_CACHE}, or name a folder that holds {part}/"
        )
    return folder


def start_gaussian(unet: nn.Module) -> None:
    """Draws the weights of linear layers and convolutions from Gaussians, in place, as wide as torch's uniform ones."""
    for module in unet.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.normal_(module.weight, std=(3 * module.weight[0].numel()) ** -0.5)


def start_from(unet: nn.Module, published: Mapping[str, Tensor], widened: Widened) -> None:
    """Copies SD's weights into a U-Net, in place, wherever names and shapes agree.

    Args:
        unet: a U-Net, or a part of one.
        published: the state of SD's.
        widened: "zero" makes the input channels that SD lacks start at zero, as InstructPix2Pix does; "random"
            leaves a first layer of another shape as it is.

    Raises:
        InputError: nothing agrees.
    """
    state = {
        k: published[k] for k, own in unet.state_dict().items() if k in published and published[k].shape == own.shape
    }
    if not state:
        raise InputError(
            "Stable Diffusion's weights fit no layer of this U-Net; set weights=null to start from random ones"
        )
    first = unet.get_parameter("conv_in.weight")
    theirs = published["conv_in.weight"]
    if widened == "zero" and "conv_in.weight" not in state and first.shape[0] == theirs.shape[0]:
        state["conv_in.weight"] = torch.zeros_like(first)
        state["conv_in.weight"][:, : theirs.shape[1]] = theirs.to(first)
    unet.load_state_dict(state, strict=False)


class StableDiffusionCodec:
    """SD 1.5's VAE, and CLIP's pooled image features as the one token; both frozen, and read at their first use.

    Args:
        size: side of the square frames.
        fit: how a frame is made square: "crop" as the paper says, "squash" as its code does.
        vae: a folder or a repository that holds `vae/`.
        clip: a folder or a repository of the transformers library's CLIP.
    """

    channels, factor, scale = 4, 8, 0.18215

    def __init__(self, size: int = 512, *, fit: Fit = "crop", vae: str = SD15, clip: str = CLIP) -> None:
        self.size, self._fit = size, checked_fit(fit)
        self._vae_source, self._clip_source = vae, clip

    def initialise(self) -> None:
        """Reads both networks; a MissingWeights says all that is not on this machine."""
        read_all(lambda: self._vae, lambda: self._clip)

    def fit(self, images: Tensor) -> Tensor:
        """Images of any size as `[B, 3, size, size]`."""
        return square(images, self.size, self._fit)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """`[B, 3, H, W]` in [0, 1] to the means of the latents, `[B, 4, H / 8, W / 8]`, times 0.18215."""
        vae = self._vae.to(images.device)
        return self.scale * vae.encode((2 * images - 1).to(vae.dtype)).latent_dist.mode().float()

    @torch.no_grad()
    def context(self, images: Tensor) -> Tensor:
        """CLIP's pooled output before its projection, `[B, 1, 768]`."""
        pooled = self._clip.to(images.device)(images).clone()  # of an inference tensor, so that it can be trained on
        return pooled[:, None]

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """`[B, 4, h, w]` to images in [0, 1]."""
        vae = self._vae.to(latents.device)
        # One by one: the last layers hold 256 channels of every pixel.
        frames = [vae.decode(one).sample for one in (latents / self.scale).to(vae.dtype).split(1)]
        return ((torch.cat(frames).float() + 1) / 2).clamp(0, 1)

    @cached_property
    def _vae(self) -> Any:
        return load_part("vae", self._vae_source)

    @cached_property
    def _clip(self) -> PretrainedEncoder:
        return clip_pooler(self._clip_source)

    def __deepcopy__(self, memo: dict[int, Any]) -> StableDiffusionCodec:
        return self  # an averaged model needs no second copy of what never changes
