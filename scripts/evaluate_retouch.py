"""Measures how often `lutgrade retouch` ranks a look that a colourist would accept first, and among its first five.

python scripts/evaluate_retouch.py [--prompts FILE] [--clip FOLDER_OR_NAME] [--misses]
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from lutgrade.errors import InputError
from lutgrade.lut import looks
from lutgrade.models.retouch import MEASURED, Retoucher
from lutgrade.models.text_embedding import ClipText
from lutgrade.process import one_line

PROMPTS = Path(__file__).resolve().parents[1] / "tests" / "models" / "retouch_prompts.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=Path, default=PROMPTS, help="a YAML list of {prompt, accept: [looks]}")
    parser.add_argument("--clip", help="CLIP's text half in place of the lexical embedding: a folder or a name")
    parser.add_argument("--misses", action="store_true", help="list prompts whose first look is none of the accepted")
    options = parser.parse_args()
    with one_line():
        measure(options.prompts, options.clip, misses=options.misses)


def measure(prompts: Path, clip: str | None, *, misses: bool) -> None:
    """Prints both rankings' accuracy on both halves of the prompts."""
    entries = read_prompts(prompts)
    embedding = ClipText(clip) if clip else None
    print(f"{'ranking':24} {'prompts':12} {'number':>6} {'top-1':>6} {'top-5':>6}")
    for ranking, measured in (("descriptions", 0.0), ("with the measures", MEASURED)):
        retoucher = Retoucher(looks(), embedding, measured=measured)
        for half, part in (("for tuning", entries[::2]), ("held out", entries[1::2])):
            ranked = [[found.look.name for found in retoucher.rank(entry["prompt"])] for entry in part]
            top1, top5 = (100 * sum(map(partial(_hit, first=k), ranked, part)) / max(len(part), 1) for k in (1, 5))
            print(f"{ranking:24} {half:12} {len(part):6} {top1:5.1f}% {top5:5.1f}%")
            if misses and measured:
                for names, entry in zip(ranked, part, strict=True):
                    if not _hit(names, entry, first=1):
                        print(f"  {entry['prompt']!r}: {', '.join(names[:5])}; accepted: {', '.join(entry['accept'])}")


def _hit(names: list[str], entry: dict[str, Any], *, first: int) -> bool:
    """Whether an accepted look is among the first of a ranking."""
    return not {*names[:first]}.isdisjoint(entry["accept"])


def read_prompts(path: Path) -> list[dict[str, Any]]:
    """The labelled prompts of a file.

    Raises:
        InputError: a file that cannot be read, is no list of prompts, or accepts a look that the library lacks.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(entries, list) or not all(map(_is_labelled, entries)):
        raise InputError(f"{path}: expected a list of {{prompt: text, accept: [looks]}}")
    if unknown := sorted({name for entry in entries for name in entry["accept"]} - looks().keys()):
        raise InputError(f"{path}: the library has no look {unknown[0]}")
    return entries


def _is_labelled(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("prompt"), str)
        and isinstance(entry.get("accept"), list)
        and all(isinstance(name, str) for name in entry["accept"])
    )


if __name__ == "__main__":
    main()
