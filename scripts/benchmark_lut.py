"""Measures `apply_lut`, forward and backward, beside the other ways to apply a LUT.

Writes `benchmarks/<name>.json` and `.md` and prints the latter. Speeds are million pixels a second, the median of
several runs; the methods of a case take turns, so that their ratios hold on a machine that others use.
"""

# ruff: noqa: E402  (threads are settled before torch is loaded)
from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lutgrade.process import quiet_threads

quiet_threads()

import torch
from torch import Tensor

from _bench import environment, markdown_table, measure, photograph
from _lut_methods import Case, backward_methods, forward_methods

SIZES = {"512x512": (512, 512), "1080p": (1080, 1920), "4K": (2160, 3840), "8K": (4320, 7680)}
DTYPES = {"u8": torch.uint8, "f16": torch.float16, "f32": torch.float32}
INTERPOLATIONS = ("trilinear", "tetrahedral")
PACKAGES = ("torch", "numpy", "opencolorio", "pillow", "av")
OUT = Path(__file__).resolve().parent.parent / "benchmarks"

Row = dict[str, str | int | float]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    device, cores = options.device, torch.get_num_threads()
    found = environment(device, PACKAGES)
    threads = sorted({1, cores}) if device.type == "cpu" and options.threads is None else options.threads or [cores]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, side in itertools.product(options.sizes, options.sides):
            picture, table = photograph(*SIZES[name]), graded_table(side)
            cube = write_cube(table, Path(folder) / f"{side}.cube")
            for dtype, interpolation, count in itertools.product(options.dtypes, INTERPOLATIONS, threads):
                torch.set_num_threads(count)
                image = in_dtype(picture, DTYPES[dtype]).to(device)
                case = Case(image, table.to(device), cube, interpolation, count)
                key = {"size": name, "dtype": dtype, "side": side, "interpolation": interpolation, "threads": count}
                rows += run_case(case, key, options.repeats, options.budget)
    write(options.name or f"lut-{device.type}", found, rows)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="512x512 and 1080p, u8 and f32, side 33, few repeats")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--sides", nargs="+", type=int, default=[17, 33, 65])
    parser.add_argument("--threads", nargs="+", type=int, help="one and all by default")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--budget", type=float, default=1.5, help="seconds that one method may take for one case")
    parser.add_argument("--device", type=_device, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--name", help="of the files in benchmarks/; lut-<device> by default")
    options = parser.parse_args(arguments)
    if options.quick:
        options.sizes, options.dtypes, options.sides = ["512x512", "1080p"], ["u8", "f32"], [33]
        options.repeats, options.budget = 7, 0.5
    return options


def _device(text: str) -> torch.device:
    try:
        return torch.empty(0, device=text).device
    except (RuntimeError, AssertionError) as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no device that is here") from error


def graded_table(side: int) -> Tensor:
    """A smooth look with some colour in it, `[3, S, S, S]`; what the values are does not matter to the speed."""
    nodes = torch.linspace(0, 1, side)
    blue, green, red = torch.meshgrid(nodes, nodes, nodes, indexing="ij")
    return torch.stack([red**0.9, 0.9 * green + 0.1 * red, 0.8 * blue + 0.2 * green * red])


def write_cube(table: Tensor, path: Path) -> Path:
    rows = table.reshape(3, -1).T.tolist()
    lines = (f"{r:.6f} {g:.6f} {b:.6f}\n" for r, g, b in rows)
    path.write_text(f"LUT_3D_SIZE {table.shape[-1]}\n" + "".join(lines))
    return path


def in_dtype(picture: Tensor, dtype: torch.dtype) -> Tensor:
    return picture.to(dtype) if dtype.is_floating_point else (picture * 255).round().to(dtype)


def run_case(case: Case, key: Row, repeats: int, budget: float) -> list[Row]:
    rows = []
    for direction, methods in (("forward", forward_methods(case)), ("backward", backward_methods(case))):
        seconds = measure(methods, repeats=repeats, budget=budget, device=case.image.device)
        speeds = {name: case.pixels / taken / 1e6 for name, taken in seconds.items()}
        rows += [{**key, "pass": direction, "method": name, "mpix_per_s": speed} for name, speed in speeds.items()]
        if speeds:
            shown = ", ".join(f"{name} {speed:.0f}" for name, speed in speeds.items())
            print(*key.values(), f"{direction}: {shown}", flush=True)
    return rows


def write(name: str, found: dict[str, str | int], rows: list[Row]) -> None:
    """The files, and the Markdown on the screen."""
    OUT.mkdir(exist_ok=True)
    text = report(found, rows)
    for suffix, content in ((".json", json.dumps({"environment": found, "rows": rows}, indent=1)), (".md", text)):
        temporary = OUT / f".{name}{suffix}"
        temporary.write_text(content + "\n")
        temporary.replace(OUT / f"{name}{suffix}")
    print("\n" + text)


def report(found: dict[str, str | int], rows: list[Row]) -> str:
    """One table a pass and interpolation: million pixels a second, the fastest of each line in bold."""
    lines = ["# The LUT operator's speed", "", "Million pixels a second, median; more is better.", ""]
    lines += [f"- {name}: {value}" for name, value in found.items()]
    for direction, interpolation in itertools.product(("forward", "backward"), INTERPOLATIONS):
        chosen = [row for row in rows if (row["pass"], row["interpolation"]) == (direction, interpolation)]
        if not chosen:
            continue
        methods = list(dict.fromkeys(str(row["method"]) for row in chosen))
        cases: dict[tuple[str, ...], dict[str, float]] = {}
        for row in chosen:
            key = tuple(str(row[part]) for part in ("size", "dtype", "side", "threads"))
            cases.setdefault(key, {})[str(row["method"])] = float(row["mpix_per_s"])
        body = [[*key, *(speed(speeds, method) for method in methods)] for key, speeds in cases.items()]
        lines += ["", f"## {direction.capitalize()}, {interpolation}", ""]
        lines.append(markdown_table(["size", "dtype", "side", "threads", *methods], body))
    return "\n".join(lines)


def speed(speeds: dict[str, float], method: str) -> str:
    if method not in speeds:
        return ""
    value = f"{speeds[method]:.0f}" if speeds[method] >= 10 else f"{speeds[method]:.1f}"
    return f"**{value}**" if speeds[method] == max(speeds.values()) else value


if __name__ == "__main__":
    main()
