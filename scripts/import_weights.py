"""Makes checkpoints of ours from published weights: `python scripts/import_weights.py nlut style_lut.pth -o nlut`.

    python scripts/import_weights.py vcg-ldiffuser L-Diffuser.ckpt --extractor GS-Extractor.ckpt -o vcg
    python scripts/import_weights.py vcg-gs-extractor GS-Extractor.ckpt -o gs_extractor

The first makes a model that `lutgrade grade --model vcg` takes; the second, what stage 2 starts from. Every key of the
file is used, or listed with why not. A file with code in it is refused. Exits with 2 for bad input.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lutgrade.imported import import_file
from lutgrade.importing import KINDS
from lutgrade.process import one_line


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(KINDS), help="the published network")
    parser.add_argument("file", type=Path, help="its file (.ckpt, .pth or .safetensors)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the folder of the checkpoint")
    parser.add_argument("--extractor", type=Path, help="the file of the GS-Extractor, where the first does not hold it")
    options = parser.parse_args(arguments)
    with one_line():
        print(import_file(options.kind, options.file, options.output, extractor=options.extractor))
        print(f"checkpoint: {options.output}")


if __name__ == "__main__":
    main()
