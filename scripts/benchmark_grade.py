"""Measures `lutgrade grade` on a clip: where the time goes, and that peak memory does not grow with its length.

Every run is a process of its own, which reports its peak resident memory. The looped clip repeats the packets of the
first, so it is as hard to decode; it is graded with the contact sheet, whose size follows the number of shots (of
which it shows 24 at most), and without. Writes benchmarks/grade.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from lutgrade.process import one_line, quiet_threads

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks"
STEPS = ("analyse", "predict", "decode", "grade", "encode", "sheet", "total")


def main() -> None:
    quiet_threads()  # before torch is loaded
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("content", type=Path)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--loops", type=int, default=10, help="length of the looped clip, in lengths of the first")
    parser.add_argument("--model", default=None)
    parser.add_argument("--no-extras", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        with one_line():
            row = measure(arguments.content, arguments.reference, arguments.model, extras=not arguments.no_extras)
            return print(json.dumps(row))
    rows = [run(arguments.content, arguments)]
    with tempfile.TemporaryDirectory() as folder:
        looped = loop(arguments.content, Path(folder) / f"looped{arguments.content.suffix}", arguments.loops)
        rows += [run(looped, arguments), run(looped, arguments, "--no-extras")]
    from lutgrade.provenance import environment

    facts = environment() | {"cores": str(os.cpu_count()), "command": f"python {' '.join(sys.argv)}"}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "grade.json").write_text(json.dumps({"environment": facts, "rows": rows}, indent=2) + "\n")
    text = table(rows, facts)
    (RESULTS / "grade.md").write_text(text)
    print(text)


def run(clip: Path, arguments: argparse.Namespace, *flags: str) -> dict[str, object]:
    """Grades a clip in a child process."""
    command = [sys.executable, __file__, str(clip), "--reference", str(arguments.reference), "--child", *flags]
    command += ["--model", arguments.model] if arguments.model else []
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)  # it has said why
    return json.loads(done.stdout.splitlines()[-1])


def measure(clip: Path, reference: Path, model: str | None, *, extras: bool) -> dict[str, object]:
    """Grades a clip here, once, and reports frames, seconds a step and the peak resident memory in MB."""
    from lutgrade.cli import settle_process

    settle_process()
    from lutgrade.grading import grade
    from lutgrade.outputs import Outputs

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = Outputs.beside(clip, Path(folder) / f"graded{clip.suffix}", extras=extras)
        result = grade(clip, reference, outputs, model=model)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = f"{result.content.width}x{result.content.height}"
    facts = {"frames": result.frames, "size": size, "shots": len(result.shots), "extras": extras, "peak_mb": peak}
    return facts | result.seconds


def loop(clip: Path, target: Path, loops: int) -> Path:
    """Writes the video of `clip` `loops` times in a row, without decoding it."""
    import av

    with av.open(str(target), "w") as output:
        stream, offset = None, 0
        for _ in range(loops):
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                stream = stream or output.add_stream_from_template(video)
                end = 0
                for packet in source.demux(video):
                    if packet.dts is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = stream
                    output.mux(packet)
                offset += end
    return target


def table(rows: list[dict[str, object]], facts: dict[str, str]) -> str:
    """The rows as Markdown, with where they were measured."""
    lines = [
        "| frames | size | shots | extras | "
        + " | ".join(f"{step} (s)" for step in STEPS)
        + " | frames/s | peak memory (MB) |",
        "|" + "---|" * (len(STEPS) + 6),
    ]
    for row in rows:
        steps = " | ".join(f"{row[step]:.2f}" for step in STEPS)
        rate = row["frames"] / row["total"]  # type: ignore[operator]
        clip = f"{row['frames']} | {row['size']} | {row['shots']} | {'yes' if row['extras'] else 'no'}"
        lines.append(f"| {clip} | {steps} | {rate:.0f} | {row['peak_mb']:.0f} |")
    lines += ["", "Decode, grade and encode overlap: each is its own time at work, `total` is the wall time.", ""]
    return "\n".join([*lines, ", ".join(f"{key}: {value}" for key, value in facts.items()), ""])


if __name__ == "__main__":
    main()
