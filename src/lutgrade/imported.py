"""Files of published weights, and the checkpoints of ours that are made of them."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from lutgrade import paths
from lutgrade.checkpoints import build, save_checkpoint
from lutgrade.errors import InputError
from lutgrade.files import replacing
from lutgrade.importing import Imported, from_released, kind_of
from lutgrade.weights import load_weights

EXTRACTOR = "vcg-gs-extractor"
PRESETS = {
    EXTRACTOR: "vcg_released",  # its condition encoder
    "vcg-editor": "vcg_editor_released",
    "vcg-ldiffuser": "vcg_released",
    "nlut": "nlut_released",
}
# Where the model of a preset has the weights of a kind, and those of the GS-Extractor beside it.
PLACES = {"vcg-editor": ("unet.", "extractor."), "vcg-ldiffuser": ("unet.", "reader.extractor."), "nlut": ("", "")}


def import_file(kind: str, path: str | Path, folder: str | Path, *, extractor: str | Path | None = None) -> str:
    """Makes a checkpoint of ours from a published file.

    Args:
        kind: as of `lutgrade.importing.from_released`.
        path: the file.
        folder: of the checkpoint.
        extractor: the file of the GS-Extractor, which the image editor and the L-Diffuser need; None looks for it
            in `path`, where the published training keeps it beside the editor.

    Returns:
        What became of every key.

    Raises:
        InputError: as `read_published` and `from_released` do; the GS-Extractor is missing, or has no place.
    """
    sources = {kind: path}
    if PLACES.get(kind, ("", ""))[1]:
        if extractor is None and kind_of(EXTRACTOR).entry not in _read(Path(path)):
            raise InputError(f"{path} holds a {kind} without its GS-Extractor; give that one's file with --extractor")
        sources[EXTRACTOR] = extractor or path
    elif extractor is not None:
        raise InputError(f"a {kind} takes no GS-Extractor beside it; leave --extractor out")
    parts = {name: from_released(name, read_published(source, name)) for name, source in sources.items()}
    config = yaml.safe_load((paths.configs() / "model" / f"{PRESETS[kind]}.yaml").read_text(encoding="utf-8"))
    save_imported(kind, parts, config, folder)
    return "\n".join(f"{name}: {part.report}" for name, part in parts.items())


def save_imported(kind: str, parts: Mapping[str, Imported], config: Mapping[str, Any], folder: str | Path) -> Path:
    """Puts imported networks together to the model of a configuration, and writes its checkpoint.

    Args:
        kind: what the model is made for.
        parts: the network of the kind, and the GS-Extractor where the model has one, by kind.
        config: of the model, which is `PRESETS`' at its published width. A GS-Extractor alone is saved as its
            condition encoder (`reader`), which stage 2 starts from.
        folder: of the checkpoint.

    Raises:
        InputError: the configuration is of another width.
    """
    if kind == EXTRACTOR:
        config, places = config["reader"], {EXTRACTOR: "extractor."}
    else:
        places = dict(zip((kind, EXTRACTOR), PLACES[kind], strict=True))
    state = {
        places[name] + key: value for name, part in parts.items() for key, value in part.model.state_dict().items()
    }
    with torch.device("meta"):  # it takes the tensors that are there
        model: nn.Module = build(config)
    load_weights(model, state, f"what was imported as a {kind}", assign=True)
    folder = save_checkpoint(folder, model, config)
    with replacing(folder / "card.md") as temporary:
        temporary.write_text(_card(kind, folder.name, parts), encoding="utf-8")
    return folder


def read_published(path: str | Path, kind: str) -> dict[str, Tensor]:
    """The published state of a kind in a file: a safetensors file, or one of `torch.save` without code in it.

    Raises:
        InputError: no such file, not such a file, a truncated one, a pickle that holds code, another checkpoint.
    """
    content = _read(Path(path))
    held = content.get(kind_of(kind).entry)
    held = held if isinstance(held, Mapping) else content
    state = {str(k).removeprefix("module."): v for k, v in held.items() if isinstance(v, Tensor)}
    if not state:
        raise InputError(f"{path} holds no weights of a {kind}, but {', '.join(map(str, content)) or 'nothing'}")
    return state


def _read(path: Path) -> dict[str, Any]:
    """The content of a file, without running any code that it may hold."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        mapped = zipfile.is_zipfile(path)  # torch's own format, which can be read in place
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        code = re.search(r"Unsupported global: GLOBAL (\S+)", str(error))
        found = f"it holds code ({code[1]}), not weights alone" if code else "it is no file of weights, or is cut off"
        raise InputError(f"{path} is refused: {found}") from error
    except Exception as error:  # the readers fail in many ways on a file that is not theirs
        raise InputError(f"{path} is no file of weights, or is cut off ({type(error).__name__})") from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds a {type(content).__name__}, not weights by name")
    return dict(content)


def _card(kind: str, name: str, parts: Mapping[str, Imported]) -> str:
    counts = "\n".join(
        f"| {part} | {len(got.report.used)} keys, {sum(p.numel() for p in got.model.parameters()):,} weights |"
        for part, got in parts.items()
    )
    whose = "semchan/NLUT" if kind == "nlut" else "seunghyuns98/VideoColorGrading"
    return f"""# {name}

The published weights of {whose}, imported by `scripts/import_weights.py {kind}`.

| | |
|---|---|
{counts}

They are their authors', under their licence.
"""
