"""A user study as in VCG's Table 4 (arXiv 2508.00548): a page to show to participants, and their answers in a table.

    python scripts/user_study.py build --contents clips --references looks --method ours=out/ours --method wct2=out/wct2
    python scripts/user_study.py build --table vcg_1 --data clips --rows predictor_small "MKL" "NLUT"
    python scripts/user_study.py aggregate answers/*.json
    python scripts/evaluate.py table=vcg_4

The first two write `outputs/study/study.html`, to be sent to participants, and `key.json`, to be kept: from folders,
whose entries pair by name, or from the rows of a table, predicted through the cache of `scripts/evaluate.py`. The third
drops who failed the dummy choices and writes `scores.jsonl`, which the fourth reads, and `study.md`. Exits with 2 for
bad input.
"""

# ruff: noqa: E402  (threads are settled before torch is loaded)
from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path

from lutgrade.process import quiet_threads

quiet_threads()

from lutgrade.errors import InputError, LutgradeError
from lutgrade.evaluation.study import Settings, build_study
from lutgrade.evaluation.study_answers import aggregate
from lutgrade.evaluation.study_sources import descriptions, from_folders, from_table
from lutgrade.progress import bar

OUT = Path("outputs") / "study"


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        written = build(options) if options.command == "build" else collect(options)
    except LutgradeError as error:
        print(f"user_study.py: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    print("\n".join(map(str, written)))
    return 0


def build(options: argparse.Namespace) -> tuple[Path, Path]:
    texts = descriptions(options.descriptions) if options.descriptions else {}
    if options.table:
        if options.method or options.contents or options.references:
            raise InputError("--table takes its clips from the table: leave --method, --contents and --references out")
        questions = from_table(options.table, options.data, options.rows, options.questions, texts)
    else:
        if not (options.method and options.contents and options.references):
            raise InputError("give --contents, --references and --method NAME=FOLDER for each method, or --table")
        folders = dict(_named(method) for method in options.method)
        sources = (options.contents, options.references, folders, options.questions, texts)
        questions = from_folders(*sources, frames=options.frames, max_side=options.max_side)
    settings = Settings(
        title=options.title,
        seed=options.seed,
        dummies=min(options.dummies, len(questions)),
        seconds=options.seconds,
        frames=options.frames,
        rate=options.rate,
        max_side=options.max_side,
        max_bytes=options.max_mb * 1_000_000,
    )
    return build_study(questions, options.output, settings, bar)


def collect(options: argparse.Namespace) -> tuple[Path, Path]:
    key = options.key or options.output / "key.json"
    return aggregate(key, options.answers, options.output, mistakes=options.mistakes)


def _named(method: str) -> tuple[str, Path]:
    name, equals, folder = method.partition("=")
    if not (name and equals and folder):
        raise InputError(f"--method {method}: give NAME=FOLDER")
    return name, Path(folder)


def _fraction(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= 120:
        raise argparse.ArgumentTypeError(f"'{text}' is no frame rate of 1 to 120, such as 24 or 30000/1001")
    return rate


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is no count")
    return int(text)


def _positive(text: str) -> int:
    if _count(text) == 0:
        raise argparse.ArgumentTypeError("0 is too few")
    return int(text)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    page = commands.add_parser("build", help="make the page and its key")
    page.add_argument("--method", action="append", default=[], metavar="NAME=FOLDER", help="graded clips; repeat it")
    page.add_argument("--contents", type=Path, help="folder of the clips before they were graded")
    page.add_argument("--references", type=Path, help="folder of the reference frames")
    page.add_argument("--descriptions", type=Path, help="YAML: what the colourist intended, by question")
    page.add_argument("--table", help="take clips and methods from a table of configs/table")
    page.add_argument("--data", help="with --table: the data set; by default the table's last")
    page.add_argument("--rows", nargs="+", help="with --table: the rows; by default all that can be run")
    page.add_argument(
        "--questions", type=_positive, default=15, help="how many at the most (%(default)s, as in the paper)"
    )
    page.add_argument("--dummies", type=_count, default=3, help="questions with dummy choices (%(default)s)")
    page.add_argument("--seconds", type=_count, default=5, help="to look at a reference (%(default)s)")
    page.add_argument("--frames", type=_positive, default=72, help="of each clip (%(default)s)")
    page.add_argument(
        "--rate", type=_fraction, default=Fraction(24), help="frames a second of what is no video (%(default)s)"
    )
    page.add_argument("--max-side", type=_positive, default=480, help="larger frames are shrunk to it (%(default)s)")
    page.add_argument("--max-mb", type=_positive, default=64, help="size of the page (%(default)s)")
    page.add_argument("--title", default="Video color grading")
    page.add_argument("--seed", type=int, default=0, help="of names and dummies (%(default)s)")
    page.add_argument("--output", type=Path, default=OUT, help="folder (%(default)s)")
    answers = commands.add_parser("aggregate", help="make scores of answers")
    answers.add_argument("answers", type=Path, nargs="+", help="files of answers, or folders of them")
    answers.add_argument("--key", type=Path, help="the study's key; by default key.json in the output folder")
    answers.add_argument("--mistakes", type=_count, default=0, help="wrong dummies that are allowed (%(default)s)")
    answers.add_argument("--output", type=Path, default=OUT, help="folder (%(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
