"""What each choice of the small L-Diffuser brings: `python scripts/ablate_diffusion.py checkpoints/predictor_small`.

Starts from the paper's setting and changes one thing after another. All variants see the same pairs, told by the same
frozen predictor, for the same number of steps; the table goes to the standard output. It takes minutes on one CPU core.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from _draws import DRAWS, count, held_out, score
from lutgrade import paths
from lutgrade.checkpoints import build
from lutgrade.data.samples import collate
from lutgrade.models.coefficient_diffuser import CoefficientDiffuser
from lutgrade.models.diffusion import Diffusion
from lutgrade.objectives.lut_diffusion import LutDenoising
from lutgrade.process import one_line
from lutgrade.protocols import Sample
from lutgrade.training.ema import averaged

PAPER: dict[str, Any] = {"prediction": "epsilon", "betas": "linear", "spacing": "leading"}
V: dict[str, Any] = PAPER | {"prediction": "v_prediction"}
ZERO: dict[str, Any] = V | {"zero_terminal_snr": True, "spacing": "trailing"}
ALONE: dict[str, Any] = {"anchor": False}
SEEN: dict[str, Any] = {"seen": 3.5e6}
INFORMED: dict[str, Any] = SEEN | {"informed": True}
SMALLER: dict[str, Any] = INFORMED | {"hidden": 64, "layers": 1}


@dataclass(frozen=True)
class Variant:
    """A row: the diffusion and the model that are trained, and the temperature of its draws."""

    diffusion: dict[str, Any]
    model: dict[str, Any]
    min_snr: float | None = 5.0
    decay: float = 0.01  # of weights
    temperature: float = 1.0


VARIANTS = {
    "the paper's setting": Variant(PAPER, ALONE | {"scale": 0.17}, None),  # as published, residuals deviate by 0.17
    "+ unit variance": Variant(PAPER, ALONE, None),
    "+ v-prediction": Variant(V, ALONE, None),
    "+ zero terminal SNR": Variant(ZERO, ALONE, None),
    "+ min-SNR": Variant(ZERO, ALONE),
    "+ the pair's Gaussian": Variant(ZERO, {}),
    "+ LUTs encoded as the content shows them": Variant(ZERO, SEEN),
    "+ the network corrects what is expected": Variant(ZERO, INFORMED),
    "+ a smaller network, weights decaying": Variant(ZERO, SMALLER, decay=0.3),
    "+ two directions, temperature 0.9": Variant(ZERO, SMALLER | {"directions": 2}, decay=0.3, temperature=0.9),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="folder of the predictor that tells of a pair")
    parser.add_argument("--steps", type=count, default=300)
    parser.add_argument("--pairs", type=count, default=1200, help="how many are trained on")
    parser.add_argument("--every", type=count, default=4, help="scores every so-manyth pair of the paired protocol")
    parser.add_argument("--seed", type=int, default=0)
    with one_line():
        tabulate(parser.parse_args())


def tabulate(options: argparse.Namespace) -> None:
    """Trains and scores every variant, and prints its row."""
    with initialize_config_dir(str(paths.configs()), version_base="1.3"):
        config: Any = OmegaConf.to_container(compose("train", ["experiment=ldiffuser_small"]), resolve=True)
    own = {"checkpoint": str(options.checkpoint), "cached": 2 * options.pairs}
    reader = build(config["model"]["reader"] | own)(config["model"]["size"], config["model"]["components"])
    reader.initialise()
    pairs = build(config["data"])
    batches = [_batch(pairs, range(i, i + 24)) for i in range(0, options.pairs, 24)]
    scored = [pair for pairs in held_out(Path(config["paths"]["data"]), options.every).values() for pair in pairs]
    print(f"| setting | one draw (dB) | mean of {DRAWS} | best of {DRAWS} | spread |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, variant in VARIANTS.items():
        torch.manual_seed(options.seed)
        model = CoefficientDiffuser(lambda *_: reader, Diffusion(**variant.diffusion), **variant.model)
        model = _train(model, LutDenoising(min_snr=variant.min_snr, draws=8), batches, options.steps, variant.decay)
        model.temperature = variant.temperature
        drawn = score(model, scored)
        cells = f"{drawn.one:.2f} | {drawn.mean:.2f} | {drawn.best:.2f} | {drawn.spread:.3f}"
        print(f"| {name} | {cells} |", flush=True)


def _batch(pairs: Any, items: range) -> Sample:
    prepared: Sample = pairs.prepare(collate([pairs[i] for i in items]), "cpu")
    return Sample(prepared.frames, prepared.reference, lut=prepared.lut)


def _train(
    model: CoefficientDiffuser, objective: LutDenoising, batches: list[Sample], steps: int, decay: float
) -> CoefficientDiffuser:
    """The averaged weights after `steps` of AdamW with a cosine decay, a batch a step."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=2e-3, betas=(0.9, 0.99), weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    average = averaged(model, 0.98)
    for step in range(steps):
        optimizer.zero_grad()
        objective(model, batches[step % len(batches)])["loss"].backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(model)
    return average.module.eval()  # type: ignore[return-value]


if __name__ == "__main__":
    main()
