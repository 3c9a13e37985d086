"""Optical flow between frames, warping along it, and the pixels for which it can be trusted."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutgrade.metrics.frames import grey
from lutgrade.torchvision_shim import prepare_torchvision
from lutgrade.weights import RAFT, MissingWeights


class Flow(Protocol):
    """Optical flow: frames `[B, 3, H, W]` twice to `[B, 2, H, W]`, x and y in pixels.

    What lies at p in the first frame lies at p + flow(p) in the second.
    """

    name: str

    def __call__(self, first: Tensor, second: Tensor) -> Tensor: ...


class DISFlow:
    """Dense inverse search (Kroeger et al. 2016), OpenCV's with its medium preset, on 8-bit luma. Needs no weights."""

    name = "DIS"

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        import cv2

        solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        lumas = [(255 * grey(frames)).round().clamp(0, 255).byte().cpu().numpy() for frames in (first, second)]
        flows = np.stack([solver.calc(a, b, None) for a, b in zip(*lumas, strict=True)])  # [B, H, W, 2]
        return torch.from_numpy(flows).movedim(-1, 1).to(first.device)


class RAFTFlow:
    """RAFT (Teed and Deng 2020), torchvision's large model with its C_T_SKHT_V2 weights and 12 iterations.

    Frames are padded by replication to multiples of 8, and to 128 pixels a side.
    """

    name = "RAFT"

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        network = self._network.to(first.device)
        height, width = first.shape[-2:]
        down, right = (max(128, -(-side // 8) * 8) - side for side in (height, width))

        def prepared(frames: Tensor) -> Tensor:
            return F.pad(2 * frames.float() - 1, (0, right, 0, down), mode="replicate")

        with torch.no_grad():
            flows = network(prepared(first), prepared(second), num_flow_updates=12)
        return flows[-1][..., :height, :width]

    @cached_property
    def _network(self) -> nn.Module:
        path = RAFT.path()
        prepare_torchvision()
        from torchvision.models.optical_flow import raft_large  # type: ignore[import-untyped]

        network = raft_large()
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return network.eval().requires_grad_(False)


def best_flow() -> Flow:
    """RAFT where its weights are on this machine, DIS otherwise."""
    try:
        RAFT.path()
    except MissingWeights:
        return DISFlow()
    return RAFTFlow()


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Samples `[B, C, H, W]` at p + flow(p), bilinearly: the second frame brought to the first. Zero outside."""
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=image.device), torch.arange(width, device=image.device), indexing="ij"
    )
    position = torch.stack([x, y]) + flow  # [B, 2, H, W]
    scale = position.new_tensor([width - 1, height - 1]).view(2, 1, 1)
    grid = (2 * position / scale - 1).movedim(1, -1)
    return F.grid_sample(image, grid.to(image.dtype), align_corners=True)


def visible(forward: Tensor, backward: Tensor) -> Tensor:
    """The pixels of the first frame whose flow can be trusted, of flows `[B, 2, H, W]`, to bool `[B, 1, H, W]`.

    Left out are occlusions, where following the flow and then the flow back does not return, motion boundaries (both by
    the rules of Sundaram et al. 2010 that Ruder et al. 2016 and Lai et al. 2018 use), and pixels that leave the frame.
    """
    returned = warp(backward, forward)
    size = _squared(forward)
    occluded = _squared(forward + returned) > 0.01 * (size + _squared(returned)) + 0.5
    across = F.pad(forward[..., :, 1:] - forward[..., :, :-1], (0, 1))
    down = F.pad(forward[..., 1:, :] - forward[..., :-1, :], (0, 0, 0, 1))
    boundary = _squared(across) + _squared(down) > 0.01 * size + 0.002
    inside = warp(torch.ones_like(size), forward) > 0.999
    return ~occluded & ~boundary & inside


def _squared(flow: Tensor) -> Tensor:
    return flow.square().sum(dim=1, keepdim=True)
