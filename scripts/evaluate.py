"""Makes a table of results: `python scripts/evaluate.py table=paired`.

Each result is kept and made again only when something it follows from has changed. `rows=[mkl,<checkpoint folder>]`
chooses rows or scores other models; `method=folder path=<folder> row=<name>` scores precomputed outputs of any method.
The table lies in `outputs/evaluate/<table>` as Markdown, LaTeX, CSV and a picture, every score beside it as JSON lines.
Exits with 2 for bad input and 1 for a failed run.
"""

# ruff: noqa: E402  (threads are settled before torch is loaded)
from __future__ import annotations

from lutgrade.process import one_line, quiet_threads

quiet_threads()

import hydra
from omegaconf import DictConfig

from lutgrade import paths
from lutgrade.evaluation.run import evaluate
from lutgrade.training.launch import run_command


@hydra.main(version_base="1.3", config_path=str(paths.configs()), config_name="evaluate")
def main(config: DictConfig) -> None:
    with one_line():
        evaluate(config)


if __name__ == "__main__":
    run_command(main, "evaluate")
