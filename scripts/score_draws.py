"""Scores the draws of a diffusion model: `python scripts/score_draws.py ldiffuser_small --temperatures 0.9 0`.

For each temperature one draw, the mean of eight LUTs and the best of eight, on the paired protocol: PSNR in dB and
CIEDE2000, and how far draws lie apart.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from _draws import count, held_out, score
from lutgrade.checkpoints import load_model
from lutgrade.errors import InputError
from lutgrade.models.coefficient_diffuser import CoefficientDiffuser
from lutgrade.models.lut_diffusion import LutDiffusion
from lutgrade.process import one_line
from lutgrade.protocols import Sample

CHANGES = ("apart", "shrunk", "jpeg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a name or a checkpoint's folder")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of photographs and LUTs")
    parser.add_argument("--temperatures", type=float, nargs="+", help="that of the model by itself")
    parser.add_argument("--every", type=count, default=1, help="scores every so-manyth pair")
    parser.add_argument("--change", choices=CHANGES, help="makes the pairs harder, as in table=paired_hard")
    parser.add_argument("--correction", type=float, help="how much of the network is used; the model says by itself")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with one_line():
        model = load_model(options.model)
        if not isinstance(model, LutDiffusion):
            raise InputError(f"{options.model} draws nothing: it is a {type(model).__name__}")
        if options.correction is not None:
            if not isinstance(model, CoefficientDiffuser):
                raise InputError(f"{options.model} corrects nothing: it is a {type(model).__name__}")
            model.correction = options.correction
        held = held_out(options.data, options.every, options.change)
        tabulate(model, held, options.temperatures or [model.temperature])


def tabulate(model: LutDiffusion, held: dict[str, list[Sample]], temperatures: list[float]) -> None:
    """Prints a row for each kind of LUTs and temperature."""
    print(
        "| LUTs | temperature | one draw | mean of 8 | best of 8 | spread |\n| --- | ---: | ---: | ---: | ---: | ---: |"
    )
    for luts, pairs in held.items():
        for temperature in temperatures:
            model.temperature = temperature
            drawn = score(model, pairs, ciede=True)
            cells = [
                f"{drawn.one:.2f} / {drawn.one_ciede:.2f}",
                f"{drawn.mean:.2f} / {drawn.mean_ciede:.2f}",
                f"{drawn.best:.2f} / {drawn.best_ciede:.2f}",
                f"{drawn.spread:.3f}",
            ]
            print(f"| {luts} | {temperature:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
