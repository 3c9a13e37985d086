"""The image editor on clips: its blocks fixed, with temporal blocks between them (VCG, Table 3, "w/ Image Editor")."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.models.diffusion import Diffusion
from lutgrade.models.editor import ImageEditor, per_frame
from lutgrade.models.frames import FrameCodec
from lutgrade.models.reference_attention import Banks, add_reference_attention, read_banks
from lutgrade.models.starting import checkpoint_weights
from lutgrade.torchvision_shim import prepare_torchvision
from lutgrade.weights import load_weights

TEMPORAL = ".motion_modules."  # in the names of the weights that the image editor lacks
LONGEST = 32  # frames that the temporal blocks know the places of


class VideoEditor(ImageEditor):
    """An image editor that edits the frames of a clip together; no LUT comes of it, it is a `Grader`.

    After each of the editor's blocks there is attention over time (AnimateDiff's, Guo et al. 2023), which begins as no
    change and is all that is trained.

    Args:
        codec, diffusion: as of the image editor.
        checkpoint: folder of the image editor's checkpoint, read when training starts; None starts from random weights.
        window: frames that are edited together, at most 32; a longer clip is edited a window at a time.
        options: the other arguments of `ImageEditor`, as it was trained with.

    Raises:
        InputError: a window that is empty or too long.
    """

    def __init__(
        self,
        codec: FrameCodec,
        diffusion: Diffusion,
        *,
        checkpoint: str | None = None,
        window: int = 16,
        **options: Any,
    ) -> None:
        super().__init__(codec, diffusion, **options)
        if not 1 <= window <= LONGEST:
            raise InputError(f"window is {window}; from 1 to {LONGEST} frames are edited together")
        self.checkpoint, self.window = checkpoint, window
        self.unet = _with_time(self.unet)
        add_reference_attention(self.unet)
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(TEMPORAL in name)

    def _start(self) -> None:
        """Reads the image editor's weights, where `checkpoint` names them.

        Raises:
            MissingWeights: there is no such checkpoint.
            InputError: it is of another image editor.
        """
        if self.checkpoint is None:
            return
        known = checkpoint_weights(self.checkpoint, "temporal blocks are trained on an image editor: train it first")
        new = {name: value for name, value in self.state_dict().items() if TEMPORAL in name}
        load_weights(self, new | known, self.checkpoint)

    def denoise(self, noisy: Tensor, source: Tensor, timestep: Tensor, context: Tensor, banks: Banks) -> Tensor:
        """As of the image editor; the frames of a clip see each other."""
        count = len(noisy)
        banks = {name: per_frame(bank, count) for name, bank in banks.items()}
        clips = torch.cat([noisy, source], dim=1).unflatten(0, (len(context), -1)).transpose(1, 2)  # [B, 2 C, T, h, w]
        predicted = read_banks(self.unet, clips, timestep, per_frame(context, count), banks)
        return predicted.transpose(1, 2).flatten(0, 1)

    def forward(self, frames: Tensor, reference: Tensor, *, seed: int) -> Tensor:  # type: ignore[override]
        """Frames `[T, 3, H, W]` and references `[N, 3, h, w]`, of which the first is read, to graded frames."""
        edit = self.read(reference[:1], seed)
        return torch.cat([edit(window) for window in frames.split(self.window)])


def _with_time(unet: nn.Module) -> Any:
    """The same U-Net with temporal blocks that change nothing yet."""
    prepare_torchvision()
    from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D, UNetMotionModel

    grown: nn.Module = UNetMotionModel.from_unet2d(unet)
    for module in grown.modules():
        if isinstance(module, AnimateDiffTransformer3D):
            nn.init.zeros_(module.proj_out.weight)
            nn.init.zeros_(module.proj_out.bias)
    return grown
