"""Puts a trained checkpoint among those that ship: weights in half precision, settings that differ in use.

    python scripts/ship_checkpoint.py outputs/train/predictor_small/best predictor_small [rounds=6 ...]

Writes checkpoints/NAME/config.yaml and model.safetensors; the card is written by hand. Loading gives float32 weights,
rounded to 11 bits.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import yaml

from lutgrade import paths
from lutgrade.checkpoints import CONFIG, load_model, save_checkpoint
from lutgrade.errors import InputError
from lutgrade.process import one_line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="a folder that training wrote")
    parser.add_argument("name", help="of the model, as `lutgrade grade --model` takes it")
    parser.add_argument("settings", nargs="*", help="of the model, KEY=VALUE, that differ from those of training")
    arguments = parser.parse_args()
    with one_line():
        print(ship(arguments.checkpoint, arguments.name, arguments.settings))


def ship(checkpoint: Path, name: str, settings: list[str]) -> Path:
    """The folder that the checkpoint was copied to."""
    if not checkpoint.is_dir():
        raise InputError(f"there is no folder {checkpoint}; give one that training wrote, with its {CONFIG}")
    model = load_model(checkpoint).half()  # type: ignore[attr-defined]
    config = yaml.safe_load((checkpoint / CONFIG).read_text(encoding="utf-8"))
    for setting in settings:
        key, _, value = setting.partition("=")
        *parents, last = key.split(".")
        part = config
        for parent in parents:
            part = part.get(parent)
            if not isinstance(part, dict):
                raise InputError(f"{checkpoint} has no settings '{parent}'; it has {', '.join(config)}")
        part[last] = yaml.safe_load(value)  # a setting that the model does not know fails to load below
    with tempfile.TemporaryDirectory() as trial:
        load_model(save_checkpoint(trial, model, config))  # before one that ships is overwritten
    return save_checkpoint(paths.shipped_checkpoints() / name, model, config)


if __name__ == "__main__":
    main()
