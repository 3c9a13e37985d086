"""Published networks as folders on this machine: a folder given, or a repository in the Hugging Face cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from lutgrade.errors import InputError
from lutgrade.torchvision_shim import prepare_torchvision
from lutgrade.weights import MissingWeights


def local_folder(source: str | Path) -> Path:
    """The folder of a published network; nothing is downloaded.

    Args:
        source: a folder that holds its configuration and weights, or the name of a repository on the Hugging Face
            Hub, such as "openai/clip-vit-base-patch32", that was downloaded before.

    Raises:
        MissingWeights: neither is there, or what looks for them is not installed; says what to run.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    try:
        from huggingface_hub import constants, snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise missing_library(error) from error

    try:
        return Path(snapshot_download(str(source), local_files_only=True))
    except HFValidationError as error:
        raise MissingWeights(f"there is no folder {source}") from error
    except LocalEntryNotFoundError as error:
        raise MissingWeights(
            f"run `hf download {source}`, which puts its configuration and weights into {constants.HF_HUB_CACHE}, "
            "or give the folder of a copy as source"
        ) from error


def load_transformers(kind: str, source: str | Path) -> nn.Module:
    """A network of the transformers library, by the name of its class, in eval mode and frozen.

    Args:
        kind: the class, such as "CLIPVisionModel".
        source: as in `local_folder`.

    Raises:
        MissingWeights: the folder is not there, holds a configuration without weights, or transformers is not
            installed.
        InputError: its weights are of another network.
    """
    folder = local_folder(source)
    if not (folder / "config.json").is_file() or not _weights(folder):
        raise MissingWeights(f"{folder} does not hold config.json and model.safetensors of {source}; download it anew")
    prepare_torchvision()
    try:
        import transformers
    except ImportError as error:
        raise missing_library(error) from error
    from safetensors import SafetensorError

    with _quiet():
        try:
            network, info = getattr(transformers, kind).from_pretrained(
                folder, local_files_only=True, output_loading_info=True, dtype=torch.float32
            )
        except (OSError, RuntimeError, ValueError, SafetensorError) as error:
            raise InputError(f"{folder} cannot be loaded as a {kind}: {str(error).splitlines()[0]}") from error
    if missing := sorted(info["missing_keys"]):  # transformers would leave them at random values
        raise InputError(
            f"{folder} holds no weights of a {kind}: {missing[0]} and {len(missing) - 1} others are missing"
        )
    return network.eval().requires_grad_(False)


def missing_library(error: ImportError) -> MissingWeights:
    """What to raise where a library that published networks are found or read with is not installed."""
    return MissingWeights(f"they need {error.name or 'more libraries'}; run `pip install 'lutgrade[models]'`")


def weights_digest(network: nn.Module) -> str:
    """A short digest of all parameters and buffers of a network, by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:32]


def _weights(folder: Path) -> list[Path]:
    return [path for suffix in ("safetensors", "bin") for path in folder.glob(f"*.{suffix}")]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps transformers from showing progress and what it did not need, such as CLIP's text half."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
