"""Models by name or path: a configuration, and weights where the model has any.

A checkpoint is a folder: `config.yaml` (the resolved model configuration with its `_target_`), `model.safetensors`
(absent for a closed form) and `card.md`. A name is looked for among the shipped checkpoints and then among the
configurations of `configs/model`.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from torch import nn

from lutgrade import paths
from lutgrade.devices import check_device
from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import make_folder, replacing, save_tensors
from lutgrade.protocols import LutModel
from lutgrade.weights import MissingWeights, load_weights, read_weights

DEFAULT_MODEL = "predictor_small"  # above every matcher on the paired protocol; benchmarks/paired.md

CONFIG, WEIGHTS = "config.yaml", "model.safetensors"

_VCG = (
    "make it of VideoColorGrading's published files with `python scripts/import_weights.py vcg-ldiffuser "
    "L-Diffuser.ckpt --extractor GS-Extractor.ckpt -o {folder}`; it also takes Stable Diffusion 1.5's VAE and CLIP: "
    "`hf download stable-diffusion-v1-5/stable-diffusion-v1-5 vae/config.json "
    "vae/diffusion_pytorch_model.safetensors`, "
    "`hf download openai/clip-vit-base-patch32`"
)
PUBLISHED = {"vcg": _VCG, "vcg_released": _VCG}  # models that others have trained: how to get them


def model_names() -> list[str]:
    """Every name that `load_model` takes: shipped checkpoints and configurations that need no weights."""
    shipped = [p.parent.name for p in paths.shipped_checkpoints().glob(f"*/{CONFIG}")]
    closed = [p.stem for p in (paths.configs() / "model").glob("*.yaml") if not _is_learned(p)]
    return sorted({*shipped, *closed})


def describe(name: str) -> str:
    """What a model is, in a line: the first line of its class's docstring."""
    source = find_model(name)
    documentation = _class_of(source if source.is_file() else source / CONFIG).__doc__ or ""
    return documentation.strip().partition("\n")[0]


def needs_weights(name: str) -> bool:
    """Whether a model reads weights of a published network: a part of its configuration names `weights`."""
    source = find_model(name)
    config = _read_config(source if source.is_file() else source / CONFIG)
    return any(part.get("weights") is not None for part in _parts(config))


def _class_of(config: Path) -> Any:
    """What the `_target_` of a configuration file names."""
    module, _, attribute = _read_config(config)["_target_"].rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _is_learned(config: Path) -> bool:
    """Whether a model has weights: a closed form is no `nn.Module`."""
    from torch import nn

    found = _class_of(config)
    return isinstance(found, type) and issubclass(found, nn.Module)


def load_model(
    name_or_path: str | Path | None = None, *, device: str = "cpu", trusted: bool = False, **settings: Any
) -> LutModel:
    """Builds a model and loads its weights.

    Args:
        name_or_path: a name of `model_names()`, or the folder of a checkpoint; None is the default model.
        device: where its weights go.
        trusted: build classes from outside lutgrade that the checkpoint's configuration names. A configuration
            can name any callable, so leave it off for files from strangers.
        settings: arguments of the model in place of its configuration's, such as `pixels=0`.

    Returns:
        A `LutModel`: `model(content, reference)` on `[B, 3, H, W]` images, sRGB-encoded in [0, 1], is a colour map.

    Raises:
        InputError: an unknown name (the nearest are offered), a folder without a configuration, a configuration
            that cannot be built, weights of another model, a device that is not here.
        MissingWeights: it has weights and they are not there; says how to get them.
    """
    check_device(device)
    source = find_model(name_or_path or DEFAULT_MODEL)
    if source.is_file() and _is_learned(source):  # before it is built, as some are large
        raise _missing(source.stem)
    config = _read_config(source if source.is_file() else source / CONFIG) | settings
    model = build_model(config, trusted=trusted or source.is_relative_to(paths.configs()))
    return _with_weights(model, source, device)


def find_model(name_or_path: str | Path) -> Path:
    """The checkpoint folder or the configuration file that a name or a path means; a name may have hyphens.

    Raises:
        InputError: there is neither; the nearest names are offered.
    """
    path = Path(name_or_path)
    if path.is_dir():
        if not (path / CONFIG).is_file():
            raise InputError(f"{path} is not a checkpoint: it holds no {CONFIG}")
        return path
    name = str(name_or_path)
    stem = name.replace("-", "_")
    for candidate in (
        paths.shipped_checkpoints() / stem / CONFIG,
        paths.configs() / "model" / f"{stem}.yaml",
    ):
        if candidate.is_file():
            return candidate.parent if candidate.name == CONFIG else candidate
    if path.is_file():
        raise InputError(f"{path} is a file; a checkpoint is the folder with {CONFIG} and {WEIGHTS} in it")
    known = {*model_names(), *(config.stem for config in (paths.configs() / "model").glob("*.yaml"))}
    near = difflib.get_close_matches(stem, sorted(known), n=3) or model_names()
    raise InputError(f"no model or checkpoint folder '{name}'; did you mean {', '.join(near)}?")


def build_model(config: Mapping[str, Any], *, trusted: bool = True) -> LutModel:
    """Instantiates a model configuration (`_target_` and arguments), without weights."""
    if not trusted:
        for target in _targets(config):
            _refuse_foreign(target)
    return cast(LutModel, build(config))


def build(config: Mapping[str, Any]) -> Any:
    """Instantiates any configuration of ours (`_target_` and arguments, nested).

    Raises:
        InputError: it cannot be built; says which class and why, in a line.
        LutgradeError: what the class itself raises.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    try:
        return instantiate(config, _convert_="all")
    except InstantiationException as error:
        reason = error.__cause__ or error
        if isinstance(reason, LutgradeError):
            raise reason from error
        said = next(iter(str(reason).splitlines()), type(reason).__name__)
        raise InputError(f"cannot build {config.get('_target_')}: {said}") from error


def save_checkpoint(folder: str | Path, model: LutModel, config: Mapping[str, Any]) -> Path:
    """Writes a checkpoint that `load_model` takes: the configuration, and the weights where there are any."""
    folder = make_folder(folder)
    state = _state(model)
    if state:
        save_tensors(folder / WEIGHTS, state)
    with replacing(folder / CONFIG) as temporary:
        temporary.write_text(yaml.safe_dump(dict(config), sort_keys=False), encoding="utf-8")
    return folder


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"cannot read the model configuration {path}: {str(error).splitlines()[0]}") from error
    if not isinstance(config, dict) or not isinstance(config.get("_target_"), str):
        raise InputError(f"{path} is not a model configuration: it has no _target_")
    return config


def _with_weights(model: LutModel, source: Path, device: str) -> LutModel:
    state = _state(model)
    if not state:
        return model
    weights = source / WEIGHTS
    if not weights.is_file():
        raise _missing(source.stem)
    network = cast(nn.Module, model)
    load_weights(network, read_weights(weights), weights)
    return cast(LutModel, network.to(device).eval())


def _missing(name: str) -> MissingWeights:
    how = PUBLISHED.get(name, "").format(folder=paths.shipped_checkpoints() / name)
    return MissingWeights(
        f"model '{name}' has weights and none were found: "
        f"train it and give the checkpoint's folder, which holds {WEIGHTS}" + (f"; or {how}" if how else "")
    )


def _state(model: LutModel) -> dict[str, Any]:
    return model.state_dict() if hasattr(model, "state_dict") else {}


def _targets(config: Any) -> Iterator[str]:
    """Every `_target_` of a configuration, nested ones too."""
    return (str(part["_target_"]) for part in _parts(config) if "_target_" in part)


def _parts(config: Any) -> Iterator[Mapping[str, Any]]:
    """Every mapping in a configuration, nested ones too."""
    if isinstance(config, Mapping):
        yield config
        for value in config.values():
            yield from _parts(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _parts(value)


def _refuse_foreign(target: str) -> None:
    """A target is taken unasked only when lutgrade itself defines it: `lutgrade.x.os.system` is not."""
    module, _, name = target.rpartition(".")
    if module.startswith("lutgrade."):
        try:
            found = getattr(importlib.import_module(module), name, None)
        except ImportError:
            found = None
        if getattr(found, "__module__", "").startswith("lutgrade."):
            return
    raise InputError(
        f"the checkpoint names {target}, which is not lutgrade's; load it with trusted=True if you trust it"
    )
