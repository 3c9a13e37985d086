"""Puts a trained checkpoint among those that ship: weights in half precision, settings that differ in use.

    python scripts/ship_checkpoint.py outputs/train/predictor_small/best predictor_small [rounds=6 ...]

Writes checkpoints/NAME/config.yaml and model.safetensors; the card is written by hand. Loading gives float32 weights,
rounded to 11 bits.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from lutgrade import paths
from lutgrade.checkpoints import CONFIG, load_model, save_checkpoint
from lutgrade.errors import InputError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="a folder that training wrote")
    parser.add_argument("name", help="of the model, as `lutgrade grade --model` takes it")
    parser.add_argument("settings", nargs="*", help="of the model, KEY=VALUE, that differ from those of training")
    arguments = parser.parse_args()
    try:
        print(ship(arguments.checkpoint, arguments.name, arguments.settings))
    except InputError as error:
        print(f"ship_checkpoint.py: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def ship(checkpoint: Path, name: str, settings: list[str]) -> Path:
    """The folder that the checkpoint was copied to."""
    model = load_model(checkpoint)
    config = yaml.safe_load((checkpoint / CONFIG).read_text(encoding="utf-8"))
    for setting in settings:
        key, _, value = setting.partition("=")
        if key not in config:
            raise InputError(f"{checkpoint} has no setting '{key}'; it has {', '.join(config)}")
        config[key] = yaml.safe_load(value)
    folder = save_checkpoint(paths.shipped_checkpoints() / name, model.half(), config)  # type: ignore[attr-defined]
    load_model(folder)  # it fits its configuration
    return folder


if __name__ == "__main__":
    main()
