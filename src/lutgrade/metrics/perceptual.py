"""Perceptual distances to the target by pretrained networks: LPIPS and DreamSim."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.metrics.frames import in_batches, missing_library, target_of
from lutgrade.protocols import Sample
from lutgrade.torchvision_shim import prepare_torchvision
from lutgrade.weights import ALEXNET, SQUEEZENET, VGG16, MissingWeights, hub_folder

Trunk = Literal["alex", "vgg", "squeeze"]
TRUNKS = {"alex": ALEXNET, "vgg": VGG16, "squeeze": SQUEEZENET}


class LPIPS:
    """LPIPS 0.1 (Zhang et al. 2018) on sRGB-encoded frames scaled to [-1, 1], at their own size. By the lpips package.

    The trunk is AlexNet unless another is named; its ImageNet weights are torchvision's, the linear heads come with
    the package.
    """

    unit = ""
    lower_is_better = True

    def __init__(self, net: Trunk = "alex") -> None:
        self.net = net
        self.name = "LPIPS" if net == "alex" else f"LPIPS ({net})"

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]` against the sample's target, to `[T]`; MissingWeights without the trunk's."""
        target = target_of(graded, sample)
        network = self._network.to(graded.device)
        return in_batches(lambda a, b: network(a.float(), b.float(), normalize=True).flatten(), graded, target)

    @cached_property
    def _network(self) -> nn.Module:
        return lpips_network(self.net)


def lpips_network(net: Trunk, *, spatial: bool = False) -> nn.Module:
    """The network of the lpips package, with torchvision's trunk from torch hub's folder.

    Called as `network(a, b, normalize=True)` on `[B, 3, H, W]` in [0, 1] it gives `[B, 1, 1, 1]`, or with `spatial` the
    map `[B, 1, H, W]` whose mean is close to that.

    Raises:
        MissingWeights: the trunk's weights are not on this machine.
    """
    if net not in TRUNKS:
        raise InputError(f"LPIPS has no trunk {net!r}; it has {', '.join(TRUNKS)}")
    TRUNKS[net].path()
    prepare_torchvision()
    try:
        import lpips
    except ImportError as error:
        raise missing_library("LPIPS", "lpips") from error
    with warnings.catch_warnings():  # lpips asks torchvision for weights in the old way
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
        return lpips.LPIPS(net=net, spatial=spatial, verbose=False).eval().requires_grad_(False)


class DreamSim:
    """DreamSim (Fu et al. 2023), the ensemble of DINO, CLIP and OpenCLIP ViT-B/16: one minus the cosine of embeddings.

    Frames are resized to 224x224 (bicubic with antialiasing, the aspect ratio not kept), sRGB-encoded in [0, 1]. By the
    dreamsim package, whose weights lie in the folder `dreamsim` of torch hub's.
    """

    name = "DreamSim"
    unit = ""
    lower_is_better = True

    def __init__(self, network: nn.Module | None = None) -> None:
        """`network`: images `[B, 3, 224, 224]` twice to `[B]`; DreamSim's own where it is None."""
        self._network = network

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]` against the sample's target, to `[T]`; MissingWeights without the networks."""
        target = target_of(graded, sample)
        if self._network is None:
            self._network = _dreamsim(str(graded.device))
        network = self._network

        def resized(frames: Tensor) -> Tensor:
            return F.interpolate(frames.float(), (224, 224), mode="bicubic", antialias=True).clamp(0, 1)

        return in_batches(lambda a, b: network(resized(a), resized(b)).flatten(), graded, target)


def _dreamsim(device: str) -> nn.Module:
    folder = hub_folder() / "dreamsim"
    if not (folder / "ensemble_lora").is_dir():
        raise MissingWeights(
            "pip install dreamsim, get https://github.com/ssundaram21/dreamsim/releases/download/v0.2.0-checkpoints/"
            f"dreamsim_ensemble_checkpoint.zip and unpack it into {folder}"
        )
    prepare_torchvision()
    try:
        from dreamsim import dreamsim
    except ImportError as error:
        raise MissingWeights(
            f"they are in {folder}, but their library is not installed: pip install dreamsim"
        ) from error
    # Its extractors remember the device that they were built for, which .to(device) does not change.
    network, _ = dreamsim(pretrained=True, device=device, cache_dir=str(folder), dreamsim_type="ensemble")
    return network
