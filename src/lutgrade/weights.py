"""Weights: where published ones lie, what to say where some are missing, and files of them into networks.

Those that other projects host are looked for in torch hub's folder, where torchvision puts its own
(`$TORCH_HOME/hub/checkpoints`, by default `~/.cache/torch/hub/checkpoints`). Nothing is downloaded unasked.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lutgrade.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn


class MissingWeights(InputError):
    """Weights that a model or a metric needs are not on this machine: raised with how to get them.

    A table prints it as `n/a: weights not found: <how to get them>`.
    """

    def __str__(self) -> str:
        return f"weights not found: {super().__str__()}"


@dataclass(frozen=True)
class Weights:
    """A published file of weights: its name in torch hub's folder, and where it comes from."""

    file: str
    url: str

    def path(self) -> Path:
        """Where the file lies.

        Raises:
            MissingWeights: it is not there; the message says what to fetch and where to put it.
        """
        path = hub_folder() / self.file
        if not path.exists():
            raise MissingWeights(f"get {self.url} and save it as {path}")
        return path


def read_all(*reads: Callable[[], object]) -> None:
    """Makes every call, each of which reads weights.

    Raises:
        MissingWeights: some lack theirs; says what all of them need.
    """
    missing = []
    for read in reads:
        try:
            read()
        except MissingWeights as error:
            missing.append(str(error.args[0]))
    if missing:
        raise MissingWeights("; and ".join(missing))


def hub_folder() -> Path:
    """The folder that published weights are looked for in."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name; an InputError where it cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"cannot read {path}: {error}") from error


def load_weights(network: nn.Module, state: Mapping[str, Tensor], source: str | Path, *, assign: bool = False) -> None:
    """`load_state_dict`, all of it; an InputError that names the source and the first difference where they differ."""
    try:
        network.load_state_dict(state, assign=assign)
    except RuntimeError as error:  # a heading, and a line for each kind of difference
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        first = textwrap.shorten(lines[min(1, len(lines) - 1)], 160, placeholder=" ...")
        raise InputError(f"{source} does not fit {type(network).__name__}: {first}") from error


def _torchvision(file: str) -> Weights:
    return Weights(file, f"https://download.pytorch.org/models/{file}")


ALEXNET = _torchvision("alexnet-owt-7be5be79.pth")
VGG16 = _torchvision("vgg16-397923af.pth")
VGG19 = _torchvision("vgg19-dcbb9e9d.pth")
SQUEEZENET = _torchvision("squeezenet1_1-b8a52dc0.pth")
RAFT = _torchvision("raft_large_C_T_SKHT_V2-ff5fadd5.pth")
