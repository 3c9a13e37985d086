"""Measures grading a frame, at the sizes of NCST's Table 3 (arXiv 2411.00335), and training.

A frame is graded in four ways: by the LUT of six parameters, on floats and on 8-bit values; by the LUT and then
sharpness, the one parameter that no LUT holds; and by the seven adjustments one after the other on the image itself.
The last two go strip by strip, so that what they hold beside the result does not grow with the frame's height.
Training is `scripts/train.py` on photographs, with the loader in as many processes as `--workers` says.

Writes `benchmarks/pipeline-<device>.json`, `.md`, which is printed, and `.jsonl`, which
`scripts/evaluate.py table=ncst_3` sets beside the paper's. Times are medians.
"""

# ruff: noqa: E402  (threads are settled before torch is loaded)
from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lutgrade.process import one_line, quiet_threads

quiet_threads()

import torch
import yaml
from omegaconf import DictConfig
from torch import Tensor

from _bench import environment, markdown_table, measure, photograph
from _training_speed import PHASES, composed, loader_pace, pace, phases
from lutgrade import paths
from lutgrade.checkpoints import build_model
from lutgrade.color import adjust
from lutgrade.files import make_folder, replacing
from lutgrade.metrics.cost import PeakMemory
from lutgrade.models.ncst import NCST, ParametricGrade, adjust_pointwise

SIZES = {
    "512": (512, 512),
    "HD": (720, 1280),
    "FHD": (1080, 1920),
    "QHD": (1440, 2560),
    "2000": (2000, 2000),
    "4K": (2160, 3840),
    "5K": (2880, 5120),
    "8K": (4320, 7680),
}
GRADE = {
    "brightness": 1.05,
    "contrast": 1.1,
    "gamma": 0.95,
    "hue": 0.02,
    "saturation": 1.2,
    "temperature": 0.3,
    "sharpness": 1.2,
}  # fmt: skip
GRADING_NOTE = """\
Frames are floats where it does not say 8-bit. The LUT has 33 nodes a side and holds six of the seven parameters. The
prediction is that of ncst_small, from a frame and a reference of the same size."""
TRAINING_NOTE = """\
`loader` is what the loader gives when nothing trains, `waiting` the share of a run that is spent waiting for it."""
STEP_NOTE = """\
Without workers, and with the device waited for after each part. `data` reads and crops, `grading` mixes and applies the
LUTs, `forward` includes the losses, `optimiser` clipping and the averaged weights."""
STRIP, HALO = 512, 1  # rows that are graded at once, and those around them that sharpness looks at
IN_TABLE = {"LUT": "NLUT", "LUT and sharpness": "NCST (LUT)", "parametric": "NCST"}  # rows of configs/table/ncst_3.yaml
PACKAGES = ("torch", "numpy", "accelerate")
OUT = Path(__file__).resolve().parent.parent / "benchmarks"

Row = dict[str, str | int | float]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    with one_line():
        run(options)


def run(options: argparse.Namespace) -> None:
    """Measures, and writes and prints the result."""
    make_folder(options.output)
    for experiment in options.experiments:
        configured(experiment, options, 0)  # what is not there is said before anything is measured
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    result = {
        "environment": environment(device, PACKAGES),
        "data": options.data,
        "grading": grading_rows(options, device),
        "training": training_rows(options),
        "steps": step_rows(options),
    }
    name = f"pipeline-{device.type}"
    text = report(result)
    contents = {".json": json.dumps(result, indent=1) + "\n", ".md": text, ".jsonl": table_lines(result)}
    for suffix, content in contents.items():
        with replacing(options.output / f"{name}{suffix}") as temporary:
            temporary.write_text(content, encoding="utf-8")
    print(text)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="512, HD and FHD; ten steps of eight samples")
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=list(SIZES))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--budget", type=float, default=10, help="seconds that one way may take for one size")
    parser.add_argument("--experiments", nargs="*", default=["predictor_small", "nlut_small"])
    parser.add_argument("--data", default="packaged", help="of configs/data; the default comes with a package")
    parser.add_argument("--workers", nargs="+", type=int, default=sorted({0, 1, 2, min(8, os.cpu_count() or 1)}))
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--output", type=Path, default=OUT, help="folder of the two files")
    options = parser.parse_args(arguments)
    if options.quick:
        options.sizes, options.repeats, options.budget = ["512", "HD", "FHD"], 3, 1.0
        options.workers, options.batch, options.steps = [0, 1], 8, 10
    return options


@torch.inference_mode()
def grading_rows(options: argparse.Namespace, device: torch.device) -> list[Row]:
    """Milliseconds and peak memory of every way to grade a frame, and of predicting the grade, at every size."""
    grade = ParametricGrade({name: torch.tensor([amount], device=device) for name, amount in GRADE.items()})
    model = build_model(yaml.safe_load((paths.configs() / "model" / "ncst_small.yaml").read_text(encoding="utf-8")))
    model = model.to(device).eval()
    memory, rows = PeakMemory(device.type), []
    for size in options.sizes:
        image = photograph(*SIZES[size]).to(device)
        runs = ways(image, grade, model)
        seconds = measure(runs, repeats=options.repeats, budget=options.budget, device=device)
        for way, run in runs.items():
            rows.append({"size": size, "way": way, "ms": 1000 * seconds[way], "peak_mb": memory(run)})
        print(size, ", ".join(f"{way} {1000 * taken:.2f}" for way, taken in seconds.items()), flush=True)
    return rows


def ways(image: Tensor, grade: ParametricGrade, model: NCST) -> dict[str, Callable[[], Tensor]]:
    """To apply a grade to a frame `[1, 3, H, W]`, its LUT being made beforehand; and to predict one."""
    codes, table, amounts = (image * 255).round().byte(), grade.lut, grade.parameters

    def parametric(image: Tensor) -> Tensor:
        return adjust.sharpness(adjust_pointwise(image, amounts), amounts["sharpness"]).clamp(0, 1)

    return {
        "LUT": lambda: table(image),
        "LUT, 8-bit": lambda: table(codes),
        "LUT and sharpness": lambda: in_strips(grade, image),
        "parametric": lambda: in_strips(parametric, image),
        "prediction, once a shot": lambda: model(image, image).lut.table,
    }


def in_strips(grade: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    """A grade of `[1, 3, H, W]` that is made from at most HALO rows around a pixel, some rows at a time."""
    height = image.shape[-2]
    graded = torch.empty_like(image)
    for top in range(0, height, STRIP):
        rows = min(STRIP, height - top)
        above = min(HALO, top)
        strip = grade(image[..., top - above : top + rows + HALO, :])
        graded[..., top : top + rows, :] = strip[..., above : above + rows, :]
    return graded


def training_rows(options: argparse.Namespace) -> list[Row]:
    """How fast every experiment trains, and how fast its data is read alone, at every number of workers."""
    rows: list[Row] = []
    for experiment in options.experiments:
        for workers in options.workers:
            config = configured(experiment, options, workers)
            rates = pace(config, options.steps) | {"loader_samples_per_s": loader_pace(config, options.steps)}
            rows.append({"experiment": experiment, "batch": options.batch, "workers": workers, **rates})
            print(experiment, f"{workers} workers: {rates['steps_per_s']:.2f} steps/s", flush=True)
    return rows


def step_rows(options: argparse.Namespace) -> list[Row]:
    """Where a step's time goes when the data is read in the same process."""
    return [
        {"experiment": experiment, "batch": options.batch, **phases(configured(experiment, options, 0), options.steps)}
        for experiment in options.experiments
    ]


def configured(experiment: str, options: argparse.Namespace, workers: int) -> DictConfig:
    size = ["data.size=128", "data.pictures.short_side=288"]  # those of configs/data/photos.yaml
    trainer = [f"trainer.batch_size={options.batch}", f"trainer.workers={workers}"]
    return composed(experiment, [f"data={options.data}", *size, *trainer])


def table_lines(result: dict[str, Any]) -> str:
    """The times of grading as the scores of NCST's Table 3."""
    lines = [{"kind": "run", **result["environment"]}]
    for row in result["grading"]:
        if row["way"] in IN_TABLE:
            score = {"method": IN_TABLE[row["way"]], "item": row["size"], "clip": row["size"], "metric": "time"}
            lines.append({"kind": "score", **score, "values": [row["ms"]]})
    return "".join(json.dumps(line) + "\n" for line in lines)


def report(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    parts = ["# The pipeline's speed", "\n".join(f"- {name}: {value}" for name, value in result["environment"].items())]
    if result["grading"]:
        parts += ["## Grading", "Milliseconds a frame:", by_size(result["grading"], "ms")]
        parts += ["Peak memory beside the frame itself, MB:", by_size(result["grading"], "peak_mb"), GRADING_NOTE]
    if result["training"]:
        parts += ["## Training", f"Crops of 128 px, data={result['data']}.", training_table(result["training"])]
        parts += [TRAINING_NOTE, "Milliseconds of a step:", step_table(result["steps"]), STEP_NOTE]
    return "\n\n".join(parts) + "\n"


def by_size(rows: list[Row], value: str) -> str:
    sizes, ways = (list(dict.fromkeys(str(row[key]) for row in rows)) for key in ("size", "way"))
    cells = {(row["way"], row["size"]): digits(float(row[value])) for row in rows}
    return markdown_table(["", *sizes], [[way, *(cells[way, size] for size in sizes)] for way in ways])


def training_table(rows: list[Row]) -> str:
    header = ["experiment", "batch", "workers", "steps/s", "samples/s", "loader, samples/s", "waiting"]
    body = []
    for row in rows:
        rates = [digits(float(row[rate])) for rate in ("steps_per_s", "samples_per_s", "loader_samples_per_s")]
        waiting = f"{100 * float(row['waiting_for_data']):.1f} %"
        body.append([*(str(row[key]) for key in ("experiment", "batch", "workers")), *rates, waiting])
    return markdown_table(header, body)


def step_table(rows: list[Row]) -> str:
    body = []
    for row in rows:
        taken = [float(row[phase]) for phase in PHASES]
        body.append([str(row["experiment"]), str(row["batch"]), *map(digits, [*taken, sum(taken)])])
    return markdown_table(["experiment", "batch", *PHASES, "sum"], body)


def digits(value: float) -> str:
    """Three digits, but whole numbers whole."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


if __name__ == "__main__":
    main()
