"""Measures `lutgrade match`: what it restores of clips whose grades are known, and how long it takes.

    python scripts/benchmark_match.py restore ../shared/data/clips/bedroom.mp4 ...
    python scripts/benchmark_match.py speed ../shared/data/clips/bedroom.mp4

`restore` cuts every clip into five pieces under unlike grades (warm, cool, crushed, green, magenta), matches them by
each method, and measures the files written: CIEDE2000 between the pieces, and PSNR and CIEDE2000 to the pieces under
one grade. For the target `average` that grade is the LUT that fits all restored pieces best over their originals; for
`reference`, an ungraded copy of all pieces, it is no grade at all. `speed` makes five clips of 6 seconds, 1920x1080 at
24 frames a second, and matches them through the command with one core and with two, each the best of `--repeat` runs.
`command` is the wall time of the whole command, with loading Python's libraries and writing the report; `total` is
that of the match itself. `cpu` is that of all processes of the command. Writes benchmarks/match_<part>.json and .md,
and for `restore` a figure.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import lutgrade
from _bench import markdown_table
from _graded_pieces import GRADES, graded_pieces
from lutgrade.color.difference import ciede2000
from lutgrade.color.spaces import srgb_to_lab
from lutgrade.consistency.plan import METHODS
from lutgrade.errors import LutgradeError
from lutgrade.lut import fit_lut
from lutgrade.process import one_line
from lutgrade.provenance import environment
from lutgrade.video import open_video
from lutgrade.video.stills import write_still

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks"
RESTORED = ("identity", *METHODS, "predictor_small", "auto")
SAMPLES = 20_000  # pixels of a piece that a common grade is fitted on
STEPS = ("profile", "fit", "decode", "grade", "encode", "render", "verify", "total", "command", "cpu")
PR_SET_CHILD_SUBREAPER = 36  # of Linux: processes whose parent is gone become ours, and their CPU time can be asked for
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["restore", "speed"])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--methods", nargs="+", default=RESTORED)
    parser.add_argument("--targets", nargs="+", default=["average", "reference"])
    parser.add_argument("--side", type=int, default=480, help="pixels of the longer side, for `restore`")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a piece, for `restore`")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2], help="for `speed`")
    parser.add_argument("--repeat", type=int, default=3, help="runs, for `speed`")
    parser.add_argument("--add", action="store_true", help="keep the rows of other clips from before")
    with one_line():
        run(parser.parse_args())


def run(arguments: argparse.Namespace) -> None:
    """Measures, and writes and prints the tables."""
    if os.environ.get("OMP_NUM_THREADS") == "1":
        torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = restore(arguments) if arguments.part == "restore" else speed(arguments)
    path = RESULTS / f"match_{arguments.part}.json"
    if arguments.add and path.exists():
        new = {row["clip"] for row in rows}
        rows = [row for row in json.loads(path.read_text())["rows"] if row["clip"] not in new] + rows
    facts = environment() | {"cores": str(os.cpu_count()), "load": f"{os.getloadavg()[0]:.1f}"}
    path.write_text(json.dumps({"environment": facts, "rows": rows}, indent=2) + "\n")
    text = restored_table(rows) if arguments.part == "restore" else speed_table(rows)
    path.with_suffix(".md").write_text(f"{text}\n\n{', '.join(f'{k}: {v}' for k, v in facts.items())}\n")
    if arguments.part == "restore":
        draw(rows, path.with_suffix(".png"))
    print(text)


def restore(arguments: argparse.Namespace) -> list[Row]:
    """A row for each clip, target and method."""
    rows = []
    for clip in arguments.clips:
        with tempfile.TemporaryDirectory() as folder:
            pieces = graded_pieces(clip, Path(folder), side=arguments.side, seconds=arguments.seconds, fps=12)
            reference = collect([original for _, original in pieces.values()], Path(folder) / "reference")
            originals = [pixels(original) for _, original in pieces.values()]
            for target in arguments.targets:
                for method in arguments.methods:
                    spec = target if target == "average" else f"reference={reference}"
                    row = restored([graded for graded, _ in pieces.values()], originals, spec, method)
                    rows.append({"clip": clip.stem, "target": target, "tried": method, **row})
                    print({k: v for k, v in rows[-1].items() if k != "colours"}, flush=True)
    return rows


def restored(graded: list[Path], originals: list[Tensor], target: str, method: str) -> Row:
    """Matches the pieces and measures the files."""
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {} if method == "auto" else {"max_strength": 1.0}
        report = lutgrade.match(graded, folder, target=target, method=method, every=0.25, workers=1, **options)
        after = [pixels(matched.output) for matched in report.clips]
    if target == "average":
        common = fit_lut(torch.cat(originals, 1).T, torch.cat(after, 1).T, size=17)
        wanted = [common(original[:, None])[:, 0].clamp(0, 1) for original in originals]
    else:
        wanted = originals
    fidelity = [closeness(a, w) for a, w in zip(after, wanted, strict=True)]
    return {
        "method": report.method,
        "strength": report.strength,
        "before": report.before.as_dict(),
        "after": report.after.as_dict(),
        "psnr": sum(psnr for psnr, _ in fidelity) / len(fidelity),
        "ciede2000": sum(difference for _, difference in fidelity) / len(fidelity),
        "seconds": report.seconds["fit"],
        "colours": [[u.before.mean.tolist(), u.after.mean.tolist()] for c in report.clips for u in c.units],
    }


def closeness(a: Tensor, b: Tensor) -> tuple[float, float]:
    """PSNR in dB and mean CIEDE2000 of colours `[3, N]`, pixel by pixel."""
    psnr = -10 * torch.log10((a - b).square().mean())
    return float(psnr), float(ciede2000(srgb_to_lab(a[:, None]), srgb_to_lab(b[:, None])).mean())


def pixels(path: Path) -> Tensor:
    """Colours `[3, SAMPLES]` of a clip, from the same places in every clip of one shape."""
    with open_video(path) as reader:
        frames = torch.stack([frame.image for frame in reader]).movedim(1, 0).flatten(1)
    return frames[:, torch.randint(frames.shape[1], (SAMPLES,), generator=torch.Generator().manual_seed(0))]


def collect(clips: list[Path], folder: Path) -> Path:
    """Writes a frame a quarter of a second of all clips into a folder."""
    folder.mkdir()
    for clip in clips:
        with open_video(clip, every=0.25) as reader:
            for frame in reader:
                write_still(frame.image, folder / f"{clip.stem}_{frame.index:04d}.png")
    return folder


def speed(arguments: argparse.Namespace) -> list[Row]:
    """Matches five 1080p clips through the command, bound to each number of cores; the quickest run of each."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        pieces = graded_pieces(arguments.clips[0], Path(folder), side=480, seconds=6, fps=24)
        clips = [upscaled(graded, Path(folder) / f"hd_{graded.name}") for graded, _ in pieces.values()]
        for cores in arguments.cores:
            runs = [timed(clips, Path(folder) / f"out{cores}_{run}", cores) for run in range(arguments.repeat)]
            best = min(runs, key=lambda run: run["command"])
            rows.append({"clip": "five of 6 s", "cores": cores} | best)
            print(rows[-1], flush=True)
    return rows


def timed(clips: list[Path], output: Path, cores: int) -> Row:
    """The seconds of one call of the command, bound to so many cores."""
    command = [sys.executable, "-m", "lutgrade", "match", *map(str, clips), "--output-dir", str(output)]
    pin = ["taskset", "-c", ",".join(map(str, range(cores)))]
    environ = {**os.environ, "OMP_NUM_THREADS": str(cores)}
    start, cpu = time.perf_counter(), cpu_of_children()
    if subprocess.run([*pin, *command], check=False, env=environ, stdout=subprocess.DEVNULL).returncode:
        raise LutgradeError(f"lutgrade match failed on {cores} cores")
    wall = time.perf_counter() - start
    facts = json.loads((output / "match_report.json").read_text())
    seconds = facts["seconds"] | {"command": wall, "cpu": cpu_of_children() - cpu}
    shutil.rmtree(output)
    return {"passed": facts["passed"]} | {step: seconds.get(step, 0.0) for step in STEPS}


def cpu_of_children() -> float:
    """The CPU seconds of all processes that were started here, by whichever of them, once they have ended."""
    with suppress(ChildProcessError):
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def upscaled(source: Path, target: Path) -> Path:
    """A clip as 1920x1080."""
    import av
    from av.video.frame import PictureType

    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = writer.add_stream("libx264", rate=24, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = context.color_range = 1
        for frame in reader.decode(video=0):
            scaled = frame.reformat(1920, 1080, "yuv420p")
            scaled.pict_type = PictureType.NONE  # x264 chooses, where the source's types would be kept
            writer.mux(stream.encode(scaled))
        writer.mux(stream.encode())
    return target


def restored_table(rows: list[Row]) -> str:
    """The rows as Markdown, a table a target."""
    parts = []
    for target in dict.fromkeys(row["target"] for row in rows):
        header = ["clip", "method", "pairs", "worst pair", "distributions", "PSNR (dB)", "CIEDE2000", "fit (s)"]
        body = []
        for row in (row for row in rows if row["target"] == target):
            after = row["after"] if row["tried"] != "identity" else row["before"]
            name = row["tried"] if row["tried"] != "auto" else f"auto: {row['method']}"
            values = [after["mean"], after["worst"]["mean"], after["distribution"], row["psnr"], row["ciede2000"]]
            body.append([row["clip"], name, *(f"{value:.2f}" for value in values), f"{row['seconds']:.1f}"])
        parts.append(f"Target `{target}`:\n\n{markdown_table(header, body)}")
    return "\n\n".join(parts)


def speed_table(rows: list[Row]) -> str:
    body = [[str(row["cores"]), *(f"{row[step]:.1f}" for step in STEPS)] for row in rows]
    return markdown_table(["cores", *(f"{step} (s)" for step in STEPS)], body)


def draw(rows: list[Row], path: Path) -> None:
    """The clips' mean a and b before and after `auto`, and the methods side by side."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in rows if row["target"] == rows[0]["target"]]
    clips = list(dict.fromkeys(row["clip"] for row in rows))
    figure, axes = pyplot.subplots(2, len(clips), figsize=(4.2 * len(clips), 7.6), squeeze=False, layout="constrained")
    for column, clip in enumerate(clips):
        of_clip = {row["tried"]: row for row in rows if row["clip"] == clip}
        plane, bars = axes[:, column]
        chosen = of_clip.get("auto") or next(iter(of_clip.values()))
        for name, (before, after) in zip(GRADES, chosen["colours"], strict=True):
            (line,) = plane.plot(*zip(before[1:], after[1:], strict=True), lw=1, alpha=0.5)
            plane.scatter(*before[1:], facecolors="none", edgecolors=line.get_color(), s=45)
            plane.scatter(*after[1:], color=line.get_color(), s=30, label=name)
        plane.set(title=f"{clip}: mean colours, {chosen['tried']}", xlabel="a*", ylabel="b*", aspect="equal")
        plane.set_adjustable("datalim")
        plane.legend(fontsize=7)
        names = list(of_clip)
        worst = [of_clip[name]["after"]["worst"]["mean"] for name in names]
        bars.barh(names, worst, color="#5b8fb0", label="worst pair, CIEDE2000 of means")
        bars.barh(
            names, [of_clip[n]["after"]["distribution"] for n in names], 0.35, color="#d59a4c", label="distributions"
        )
        bars.axvline(3, color="#b00020", lw=1)
        bars.invert_yaxis()
        bars.legend(fontsize=7)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
