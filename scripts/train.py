"""Trains a model: `python scripts/train.py experiment=nlut_small`, or in many processes with `torchrun`.

Every setting of configs/train.yaml can be given as `key=value`; `--help` lists the groups, `--cfg job` prints what
is composed. A run lies in `outputs/train/<name>`, and `resume=true` continues it. Exits with 2 for bad input and 1
for a failed run.
"""

# ruff: noqa: E402  (threads are settled before torch is loaded)
from __future__ import annotations

import os

from lutgrade.process import one_line, quiet_threads

quiet_threads()

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from lutgrade import paths
from lutgrade.training.launch import run_command, train


@hydra.main(version_base="1.3", config_path=str(paths.configs()), config_name="train")
def main(config: DictConfig) -> None:
    with one_line():
        checkpoint = train(config, HydraConfig.get().runtime.output_dir)
    if os.environ.get("RANK", "0") == "0":
        print(f"checkpoint: {checkpoint}")


if __name__ == "__main__":
    run_command(main, "train")
