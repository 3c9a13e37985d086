"""Temporal consistency along the motion of the input: the warp error and warped LPIPS."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.metrics.flow import Flow, best_flow, visible, warp
from lutgrade.metrics.frames import input_of
from lutgrade.metrics.perceptual import Trunk, lpips_network
from lutgrade.protocols import Sample


class _AlongMotion:
    """A score of each pair of frames along the motion of the input."""

    unit = ""
    lower_is_better = True

    def __init__(self, measure: str, stride: int, flow: Flow | None) -> None:
        if stride < 1:
            raise InputError(f"a stride is at least 1 frame, not {stride}")
        self.name = measure if stride == 1 else f"{measure} @{stride}"
        self.stride, self._flow = stride, flow

    @cached_property
    def flow(self) -> Flow:
        """The optical flow in use."""
        return self._flow or best_flow()

    @property
    def note(self) -> str:
        """What a table has to say beside this number: the flow behind it."""
        return f"flow: {self.flow.name}"

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]` along the motion of the sample's frames, to a score a pair (see `pairs`).

        A pair without a trusted pixel scores NaN.
        """
        frames = input_of(graded, sample).float()
        graded = graded.float()
        scores = []
        with torch.no_grad():
            for first, second in pairs(len(frames), self.stride):
                a, b = frames[first, None], frames[second, None]
                forward, backward = self.flow(a, b), self.flow(b, a)
                brought = warp(graded[second, None], forward)
                scores.append(self._score(graded[first, None], brought, visible(forward, backward)))
        return torch.stack(scores)

    def _score(self, frame: Tensor, brought: Tensor, trusted: Tensor) -> Tensor:
        """Of a frame, the later one brought to it, `[1, 3, H, W]` each, and the mask `[1, 1, H, W]`, a number."""
        raise NotImplementedError


class WarpError(_AlongMotion):
    """The flow warping error E_warp (Lai et al. 2018): the mean squared difference along the motion.

    Between frame t and frame t + stride warped to it, per channel of sRGB-encoded values in [0, 1], over the pixels
    whose flow can be trusted (`flow.visible`). Flow and mask come from the ungraded frames. Papers print it times 1000.
    """

    def __init__(self, stride: int = 1, flow: Flow | None = None) -> None:
        """`stride`: frames between the two of a pair; `flow`: RAFT where its weights are and DIS otherwise if None."""
        super().__init__("E_warp", stride, flow)

    def _score(self, frame: Tensor, brought: Tensor, trusted: Tensor) -> Tensor:
        return (frame - brought).square().mean(dim=1, keepdim=True)[trusted].mean()


class WarpedLPIPS(_AlongMotion):
    """Warped LPIPS (the consistency measure of NCST, Tables 1 and 2): LPIPS along the motion.

    The LPIPS map (AlexNet) between frame t and frame t + stride warped to it, averaged over the pixels whose flow can
    be trusted; elsewhere frame t stands in for the warped one, so that what was hidden does not leak in through the
    network's receptive field. NCST's strides are 35 (long-term) and 5 (short-term).
    """

    def __init__(self, stride: int = 5, flow: Flow | None = None, net: Trunk = "alex") -> None:
        """As `WarpError`; `net` is the trunk of LPIPS."""
        super().__init__("warped LPIPS", stride, flow)
        self.net = net

    def _score(self, frame: Tensor, brought: Tensor, trusted: Tensor) -> Tensor:
        network = self._network.to(frame.device)
        return network(frame, torch.where(trusted, brought, frame), normalize=True)[trusted].mean()

    @cached_property
    def _network(self) -> nn.Module:
        return lpips_network(self.net, spatial=True)


def pairs(length: int, stride: int) -> list[tuple[int, int]]:
    """The pairs of frames that a clip is scored on: of every `stride`-th frame, each and the next.

    Raises:
        InputError: the clip has no such pair.
    """
    if length <= stride:
        raise InputError(f"a stride of {stride} needs a clip of more than {stride} frames, not {length}")
    return [(first, first + stride) for first in range(0, length - stride, stride)]
