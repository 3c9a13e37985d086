"""From a composed configuration to a run, and from an error to one line."""

from __future__ import annotations

import difflib
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from lutgrade import paths
from lutgrade.checkpoints import build, build_model
from lutgrade.errors import InputError
from lutgrade.process import say
from lutgrade.training.batches import seed_all
from lutgrade.training.trainer import Trainer, check_whole


def train(config: DictConfig, folder: str | Path) -> Path:
    """Trains what `configs/train.yaml` composed, in a run folder; the best checkpoint.

    Raises as `Trainer.fit` does, and an `InputError` for a configuration that is incomplete or cannot be built.
    """
    missing = sorted(cast(set[str], OmegaConf.missing_keys(config)))
    if missing:
        raise InputError(f"no value for {', '.join(missing)}: give one, as in {missing[0]}=...")
    resolved = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    check_whole("seed", resolved["seed"])
    if not isinstance(resolved["resume"], bool):
        raise InputError(f"resume is {resolved['resume']}; it is true or false")
    data = build(resolved["data"])  # before the model, as some are large: it may not be on this machine
    valid = build(resolved["valid"]) if resolved.get("valid") else None
    seed_all(resolved["seed"])
    model = build_model(resolved["model"])
    if not isinstance(model, nn.Module):
        raise InputError(f"{type(model).__name__} is a closed form: it has nothing to train")
    trainer: Trainer = build(resolved["trainer"])
    return trainer.fit(
        model,
        build(resolved["objective"]),
        data,
        valid,
        optimizer=build(resolved["optimizer"]),
        folder=folder,
        config=resolved,
        seed=resolved["seed"],
        resume=resolved["resume"],
    )


def run_command(main: Callable[[], Any], config_name: str) -> None:
    """Runs a Hydra main; a configuration that cannot be composed exits with 2, after one line that says why.

    So does a folder for the run that cannot be made, which Hydra does before the main.

    `HYDRA_FULL_ERROR=1` in the environment shows where it came from.
    """
    verbose = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints and exits by itself
    try:
        main()
    except (HydraException, OmegaConfBaseException, OSError) as error:
        if verbose:
            traceback.print_exc()
        say(explain(error, config_name, sys.argv[1:]))
        sys.exit(2)


def explain(error: Exception, config_name: str, arguments: list[str]) -> str:
    """An error before a run in a line, with the nearest names where a name is unknown."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MissingConfigException) and error.options:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        near = difflib.get_close_matches(name, error.options, n=3) or error.options
        return f"no {group} '{name}'; did you mean {', '.join(near)}?"
    unknown = re.search(r"Could not override '([^']+)'", str(error))
    if unknown:
        key = unknown[1].partition("@")[0]
        near = _nearest(key, _keys(config_name, arguments))
        return f"no setting '{key}'" + (f"; did you mean {', '.join(near)}?" if near else "")
    return " ".join(str(error).split())


def _nearest(key: str, known: list[str]) -> list[str]:
    """The names nearest to a dotted key: beside it first, where the key's parent exists."""
    parent, _, last = key.rpartition(".")
    beside = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == parent}
    near = [beside[name] for name in difflib.get_close_matches(last, beside, n=3)]
    return near or difflib.get_close_matches(key, known, n=3)


def _keys(config_name: str, arguments: list[str]) -> list[str]:
    """Every key of the configuration that the chosen groups compose, and every group."""
    groups = [path.relative_to(paths.configs()).as_posix() for path in paths.configs().rglob("*") if path.is_dir()]
    chosen = [a for a in arguments if a.partition("=")[0] in groups and "," not in a]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(paths.configs()), version_base="1.3"):
        config = OmegaConf.to_container(compose(config_name, overrides=chosen), resolve=False)
    return sorted({*groups, *_dotted(config)})


def _dotted(config: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(config, Mapping):
        for key, value in config.items():
            yield f"{prefix}{key}"
            yield from _dotted(value, f"{prefix}{key}.")
