"""Measures training steps of VCG (arXiv 2508.00548) at its own size, with random weights: nothing is downloaded.

A step is that of `scripts/train.py experiment=vcg_stage1` or `vcg_stage2` on one micro-batch, from frames to changed
weights. The networks are built as configured and start from random weights; so do the VAE and CLIP that turn frames
into latents and tokens, at full size. Frames are fractal noise and its grades.

`--settings configured` is the experiment as it stands. `plain` is float32, attention in parts, convolutions as they
come and no gradient checkpointing; `bf16`, `fused`, `channels-last` and `checkpointing` each change one thing of it.
Where AdamW does not fit into memory, plain gradient descent is made inside the backward pass, gradients unclipped;
the result says so.

Writes `benchmarks/paper-scale-<device>.json` and `.md`, which is printed; experiments that are not measured
stay there as they were.
"""

# ruff: noqa: E402  (threads are settled before torch is loaded)
from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lutgrade.process import one_line, quiet_threads

quiet_threads()

import torch
from omegaconf import OmegaConf

from _bench import environment, markdown_table, photograph
from _random_parts import save_codec, without_weights
from _step_cost import InBackward, free_memory, matrix_rate, peak_memory, state_bytes, step_cost
from _training_speed import composed
from lutgrade.checkpoints import build, build_model
from lutgrade.files import make_folder, replacing
from lutgrade.lut.mix import random_look
from lutgrade.protocols import Sample
from lutgrade.training import Trainer
from lutgrade.training.batches import seed_all
from lutgrade.training.trainer import make_accelerator

PLAIN = {"precision": "no", "fused_attention": False, "channels_last": False, "gradient_checkpointing": False}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": PLAIN,
    "bf16": PLAIN | {"precision": "bf16"},
    "fused": PLAIN | {"fused_attention": True},
    "channels-last": PLAIN | {"channels_last": True},
    "checkpointing": PLAIN | {"gradient_checkpointing": True},
    "configured": {},
}
DTYPES = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
GIB, TERA = 2**30, 1e12
ROOM = 1.5 * GIB  # that the activations of a sample of 512 px take with gradient checkpointing, and more than that
PACKAGES = ("torch", "diffusers", "transformers", "accelerate")
OUT = Path(__file__).resolve().parent.parent / "benchmarks"
ADAMW, SGD = "AdamW", "SGD in the backward pass"
COLUMNS = {  # of the table: the value, and its unit
    "first (s)": ("first_s", 1),
    "first (CPU s)": ("first_cpu_s", 1),
    "later (s)": ("later_s", 1),
    "later (CPU s)": ("later_cpu_s", 1),
    "memory (GiB)": ("peak_bytes", GIB),
    "TFLOP": ("flops", TERA),
    "TFLOP/s of products": ("matrix_rate", TERA),
    "rate (%)": ("rate", 0.01),
}
NOTES = """\
A step goes from frames to changed weights, VAE and CLIP included. All weights are random. `memory` is the most that was
held beside the program itself. `TFLOP` are those of matrix products, convolutions and attention as executed, in 10^12:
an addition and a multiplication are two, and a gradient checkpoint's second forward pass counts. They are counted in
the first step, which is slower for it. `rate` is the share of what a large matrix product reaches on the device in the
same precision, of the later steps where there are any; on a CPU by CPU time, as others may be using it.

AdamW is the experiment's own. Where it does not fit into `--memory`, plain gradient descent is made inside the backward
pass, each gradient used and dropped as soon as it is there, and not clipped."""

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    with one_line():
        run(options)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    both = ["vcg_stage1", "vcg_stage2"]
    parser.add_argument("--experiments", nargs="+", choices=both, default=both)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--batch", type=int, default=1, help="samples, all in one forward pass")
    parser.add_argument("--steps", type=int, default=2, help="of each setting; the first is told apart")
    parser.add_argument("--size", type=int, default=512, help="side of the frames")
    parser.add_argument("--small", action="store_true", help="narrow networks: to try the script")
    parser.add_argument("--memory", type=float, help="GiB that may be used; all that is free by default")
    parser.add_argument("--output", type=Path, default=OUT, help="folder of the two files")
    options = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    options.command = " ".join(["scripts/benchmark_paper_scale.py", *given])
    return options


def run(options: argparse.Namespace) -> None:
    """Measures one experiment after the other, and writes each result beside those that are there; prints them all."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    file = make_folder(options.output) / f"paper-scale-{device.type}.json"
    results = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        save_codec(Path(folder), small=options.small)
        for experiment in options.experiments:
            rows = []
            for setting in options.settings:
                rows.append(measured(experiment, setting, Path(folder), options))
                print(rows[-1], flush=True)
            about = {"command": options.command, "environment": environment(device, PACKAGES)}
            results[experiment] = {**about, "rows": rows}
            write(file, results)
    print(report(results))


def write(file: Path, results: dict[str, Any]) -> None:
    """The results as JSON and as Markdown, experiments in the order of their names."""
    ordered = dict(sorted(results.items()))
    for path, content in {file: json.dumps(ordered, indent=1) + "\n", file.with_suffix(".md"): report(ordered)}.items():
        with replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")


def measured(experiment: str, setting: str, codec: Path, options: argparse.Namespace) -> Row:
    """A row: what some steps of an experiment take under a setting."""
    row: Row = {"setting": setting, "size": options.size, "batch": options.batch, "small": options.small}
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    peak = peak_memory(device)
    try:
        row |= taken(experiment, setting, codec, options)
    except torch.OutOfMemoryError:
        return row | {"failed": "out of memory"}
    clock = "s" if device.type == "cuda" else "cpu_s"
    seconds = row.get(f"later_{clock}", row[f"first_{clock}"])
    row["peak_bytes"] = peak()
    row["matrix_rate"] = matrix_rate(DTYPES[row["precision"]], device)
    return row | {"rate": row["flops"] / seconds / row["matrix_rate"]}


def taken(experiment: str, setting: str, codec: Path, options: argparse.Namespace) -> Row:
    """The parameters of an experiment's model, what it is trained with here, and the cost of its steps."""
    overrides = [f"trainer.{name}={value}" for name, value in SETTINGS[setting].items()]
    parts: Any = OmegaConf.to_container(composed(experiment, overrides), resolve=True)
    settings: Trainer = build(parts["trainer"])
    accelerator = make_accelerator(settings.precision)
    seed_all(parts["seed"])
    model: Any = build_model(without_weights(parts["model"], codec, size=options.size, small=options.small))
    memory = free_memory(accelerator.device) if options.memory is None else options.memory * GIB
    fits = state_bytes(model) + options.batch * (options.size / 512) ** 2 * ROOM <= memory
    optimizer = build(parts["optimizer"]) if fits else partial(InBackward, lr=parts["optimizer"]["lr"])
    with settings.executing():
        stepper = settings.stepper(model, build(parts["objective"]), optimizer, accelerator)
        cost = step_cost(stepper, samples(options.batch, options.size, accelerator.device), options.steps)
    return {
        "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "frozen": sum(p.numel() for p in model.parameters() if not p.requires_grad),
        "optimizer": ADAMW if fits else SGD,
        **{name: getattr(settings, name) for name in PLAIN},
        **cost,
    }


def samples(count: int, size: int, device: torch.device) -> Sample:
    """Content, another picture under the content's grade, and the content so graded: `[B, 1, 3, size, size]`."""
    lut = random_look(torch.Generator().manual_seed(0)).lut(16)
    content, other = (torch.cat([photograph(size, size, seed=2 * i + j) for i in range(count)]) for j in range(2))
    frames, reference, target = (images[:, None].to(device) for images in (content, lut(other), lut(content)))
    tables = lut.table.expand(count, -1, -1, -1, -1).to(device)
    return Sample(frames=frames, reference=reference, target=target, lut=tables, name="noise")


def report(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    parts = ["# Training at the paper's scale", NOTES]
    for experiment, result in results.items():
        about = {"command": f"`python {result['command']}`", **result["environment"]}
        facts = "\n".join(f"- {name}: {value}" for name, value in about.items())
        parts += [f"## {experiment}", said(result["rows"]), table(result["rows"]), facts]
    return "\n\n".join(parts) + "\n"


def said(rows: list[Row]) -> str:
    """What is trained, and what `configured` is."""
    done = {row["setting"]: row for row in rows if "failed" not in row}
    if not done:
        return "No setting fits into memory."
    row = next(iter(done.values()))
    lines = [
        f"{row['trained'] / 1e6:.1f} M parameters are trained, beside {row['frozen'] / 1e6:.1f} M frozen ones; "
        f"batch {row['batch']}, frames of {row['size']} px{', narrow networks' if row['small'] else ''}."
    ]
    if configured := done.get("configured"):
        lines.append(f"`configured` is {', '.join(f'{name} {configured[name]}' for name in PLAIN)}.")
    return " ".join(lines)


def table(rows: list[Row]) -> str:
    body = []
    for row in rows:
        if "failed" in row:
            body.append([row["setting"], row["failed"], *["-"] * len(COLUMNS)])
        else:
            cells = [f"{row[key] / unit:.3g}" if key in row else "-" for key, unit in COLUMNS.values()]
            body.append([row["setting"], row["optimizer"], *cells])
    return markdown_table(["setting", "optimiser", *COLUMNS], body)


if __name__ == "__main__":
    main()
