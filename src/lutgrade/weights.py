"""Published weights that other projects host: where they lie, and what to say where they are missing.

They are looked for in torch hub's folder, where torchvision puts its own (`$TORCH_HOME/hub/checkpoints`, by default
`~/.cache/torch/hub/checkpoints`). Nothing is downloaded unasked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lutgrade.errors import InputError


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


def hub_folder() -> Path:
    """The folder that published weights are looked for in."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def _torchvision(file: str) -> Weights:
    return Weights(file, f"https://download.pytorch.org/models/{file}")


ALEXNET = _torchvision("alexnet-owt-7be5be79.pth")
VGG16 = _torchvision("vgg16-397923af.pth")
SQUEEZENET = _torchvision("squeezenet1_1-b8a52dc0.pth")
RAFT = _torchvision("raft_large_C_T_SKHT_V2-ff5fadd5.pth")
