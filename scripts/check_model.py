"""Checks what a model predicts where no score looks: the quality of its LUTs, and references far from its training.

    python scripts/check_model.py [--model NAME] [--data FOLDER] [--output FOLDER]

Tallies the findings of the quality report over the LUTs predicted for the paired protocol, beside those of the LUTs
that really made the references, and draws photographs graded to a grey, a monochrome, a night, a snowy and a neon
reference, and to other photographs. Writes quality.md and references.png.
"""

# ruff: noqa: E402  (threads are settled before torch is loaded)
from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from lutgrade.process import one_line, quiet_threads

quiet_threads()

import torch
from PIL import Image
from torch import Tensor

from lutgrade.checkpoints import load_model
from lutgrade.data.pairs import PairedProtocol, film_fifth, load_photo
from lutgrade.files import make_folder
from lutgrade.lut import Lut
from lutgrade.lut.quality import assess
from lutgrade.protocols import LutModel
from lutgrade.video.drawing import to_picture

FINDINGS = (
    "not monotonic",
    "inverts tones",
    "not smooth",
    "banding",
    "clips",
    "greys take",
    "skin turns",
    "skin changes",
)
CONTENTS = (
    "n02056570_king_penguin",
    "n03124170_cowboy_hat",
    "n02892201_brass",
    "n03345487_fire_engine",
    "n09835506_ballplayer",
)
REFERENCES = ("n09472597_volcano", "n03160309_dam", "n07715103_cauliflower")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=None, help="a name of `lutgrade models`, or the folder of a checkpoint")
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="with photos/val, luts/val and luts/film"
    )
    parser.add_argument("--output", type=Path, default=Path("outputs/checks"))
    arguments = parser.parse_args()
    with one_line():
        check(arguments.model, arguments.data, make_folder(arguments.output))
        print(f"wrote {arguments.output}/quality.md and references.png")


@torch.inference_mode()
def check(name: str | None, data: Path, output: Path) -> None:
    """Writes the table, which it prints too, and the picture."""
    model = load_model(name)
    text = quality_table(model, data)
    print(text)
    (output / "quality.md").write_text(text, encoding="utf-8")
    far_references(model, data / "photos" / "val").save(output / "references.png")


def quality_table(model: LutModel, data: Path) -> str:
    """How many of the predicted LUTs, and of the true ones, have each finding, in per cent."""
    rows = [f"| LUTs | pairs | {' | '.join(FINDINGS)} |", "|" + "---|" * (2 + len(FINDINGS))]
    families = {"creative": data / "luts" / "val", "film": film_fifth(data / "luts" / "film")}
    for family, luts in families.items():
        pairs = PairedProtocol(data / "photos" / "val", luts)
        predicted, true = [], []
        for sample in pairs:
            predicted.append(Lut(model(sample.frames, sample.reference).table[0]))
            true.append(Lut(sample.lut))
        for name, tables in ((f"{family}, predicted", predicted), (f"{family}, true", true)):
            found = tally(tables)
            shares = " | ".join(f"{100 * found[finding] / len(tables):.1f} %" for finding in FINDINGS)
            rows.append(f"| {name} | {len(tables)} | {shares} |")
    return "\n".join(rows) + "\n"


def tally(luts: Iterable[Lut]) -> Counter[str]:
    """How many LUTs have each of FINDINGS."""
    return Counter(
        start for lut in luts for start in FINDINGS if any(f.startswith(start) for f in assess(lut).findings)
    )


def far_references(model: LutModel, photos: Path) -> Image.Image:
    """Rows of photographs graded to the reference on their left."""
    contents, natural = (
        [load_photo(photos / f"{name}.jpg")[None] for name in names] for names in (CONTENTS, REFERENCES)
    )
    made = made_references(natural[0], contents[0])
    rows = [torch.cat([torch.ones_like(contents[0]), *contents], dim=-1)]
    rows += [torch.cat([r, *(model(c, r)(c) for c in contents)], dim=-1) for r in (*made, *natural)]
    return to_picture(torch.cat(rows, dim=-2)[0, :, ::2, ::2])


def made_references(photo: Tensor, snow: Tensor) -> tuple[Tensor, ...]:
    """A grey, a monochrome, a night, a snowy and a neon picture, of two photographs `[1, 3, H, W]`, in [0, 1]."""
    grey = torch.full_like(photo, 0.5)
    mono = photo.mean(1, keepdim=True).expand_as(photo)
    night = photo.pow(2.2) * torch.tensor([0.12, 0.16, 0.3])[:, None, None]
    bright = 0.75 + 0.25 * snow * torch.tensor([0.96, 0.98, 1.0])[:, None, None]
    x = torch.linspace(0, 1, photo.shape[-1]).expand(photo.shape[-2:])
    neon = torch.stack([x, 0.1 * torch.ones_like(x), 1 - 0.3 * x])[None] * photo.mean(1, keepdim=True) * 1.6
    return grey, mono, night.clamp(0, 1), bright.clamp(0, 1), neon.clamp(0, 1)


if __name__ == "__main__":
    main()
