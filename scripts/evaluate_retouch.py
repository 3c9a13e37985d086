"""Measures how often `lutgrade retouch` ranks a look that a colourist would accept first, and among its first five.

python scripts/evaluate_retouch.py [--prompts FILE] [--clip FOLDER_OR_NAME] [--misses]
"""

from __future__ import annotations

import argparse
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
            hits = [
                [bool({*names[:k]} & {*e["accept"]}) for names, e in zip(ranked, part, strict=True)] for k in (1, 5)
            ]
            top1, top5 = (100 * sum(hit) / len(part) for hit in hits)
            print(f"{ranking:24} {half:12} {len(part):6} {top1:5.1f}% {top5:5.1f}%")
            if misses and measured:
                for names, entry, hit in zip(ranked, part, hits[1], strict=True):
                    if not hit:
                        print(f"  {entry['prompt']!r}: {', '.join(names[:5])}; accepted: {', '.join(entry['accept'])}")


def read_prompts(path: Path) -> list[dict[str, Any]]:
    """The labelled prompts of a file; an InputError where it holds none."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {error}") from error
    labelled = [isinstance(entry, dict) and {"prompt", "accept"} <= entry.keys() for entry in entries or []]
    if not isinstance(entries, list) or not all(labelled):
        raise InputError(f"{path}: expected a list of {{prompt, accept: [looks]}}")
    return entries


if __name__ == "__main__":
    main()
