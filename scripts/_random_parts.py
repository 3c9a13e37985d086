"""Paper-scale networks without their weights: the published architectures, random, and small ones to try a script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lutgrade.torchvision_shim import prepare_torchvision

prepare_torchvision()

# The arguments that differ from the libraries' defaults. CLIP's are those of ViT-B/32 as they are.
VAE = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 512,
}
SMALL_VAE = VAE | {"block_out_channels": (8, 8, 16, 16), "norm_num_groups": 4}
SMALL_CLIP = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}
SMALL_UNET = {"block_out_channels": [32, 32, 64, 64], "layers_per_block": 1, "cross_attention_dim": 32}
SMALL_LUT_UNET = SMALL_UNET | {"cross_attention_dim": 64}  # its cross-attention sees itself


def save_codec(folder: Path, *, small: bool) -> None:
    """Writes a VAE and a CLIP image encoder with random weights, as `StableDiffusionCodec` reads the published ones."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from transformers import CLIPVisionConfig, CLIPVisionModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(0)
    AutoencoderKL(**(SMALL_VAE if small else VAE)).save_pretrained(folder / "vae")
    CLIPVisionModel(CLIPVisionConfig(**(SMALL_CLIP if small else {}))).save_pretrained(folder / "clip")


def without_weights(model: Mapping[str, Any], codec: Path, *, size: int, small: bool) -> dict[str, Any]:
    """The configuration of an image editor or an L-Diffuser, told to start from random weights.

    Args:
        model: `configs/model/vcg_editor.yaml` or `vcg.yaml`.
        codec: folder of `save_codec`.
        size: side of the frames.
        small: makes its U-Nets narrow.
    """
    model = dict(model, weights=None)
    extractor = model
    if "reader" in model:  # an L-Diffuser's
        extractor = model["reader"] = dict(model["reader"], checkpoint=None)
    extractor["codec"] = dict(extractor["codec"], size=size, vae=str(codec), clip=str(codec / "clip"))
    if small:
        extractor["extractor"] = SMALL_UNET
        model["unet"] = SMALL_LUT_UNET if "reader" in model else SMALL_UNET
    return model
