"""Weights that training starts from, in the checkpoint of another run."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.weights import MissingWeights, load_weights, read_weights


def checkpoint_weights(folder: str | Path, use: str) -> dict[str, Tensor]:
    """The weights in the folder of a checkpoint.

    Args:
        folder: that training wrote.
        use: what they are for and what to do where they are missing, such as "stage 2 starts from stage 1: train it".

    Raises:
        MissingWeights: there are none.
        InputError: they cannot be read.
    """
    path = Path(folder) / "model.safetensors"
    if not path.is_file():
        raise MissingWeights(f"{use}, so that {path} is there")
    return read_weights(path)


def start_part(network: nn.Module, folder: str | Path, part: str, use: str) -> None:
    """Gives a network the weights of a part of a checkpoint's model: those whose names begin with `part`.

    Raises:
        MissingWeights, InputError: as `checkpoint_weights`.
        InputError: the model has no such part, or one of another shape.
    """
    state = checkpoint_weights(folder, use)
    own = {name.removeprefix(part): value for name, value in state.items() if name.startswith(part)}
    if not own:
        raise InputError(f"{folder} holds no {type(network).__name__}: no weight's name begins with {part}")
    load_weights(network, own, folder)
