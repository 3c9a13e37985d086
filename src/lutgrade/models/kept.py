"""What a frozen network made of the same images before."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor

from lutgrade.errors import InputError

Made = dict[str, Tensor]  # each [B, ...]


class Kept:
    """The last results of a frozen network, found again by the images they were made of; on the CPU.

    Args:
        count: how many are kept, each of one image or of one pair; 0 keeps none.
        frozen: whether the network is.

    Raises:
        InputError: results are to be kept of a network that is trained.
    """

    def __init__(self, count: int, *, frozen: bool = True) -> None:
        if count and not frozen:
            raise InputError("what a network gives cannot be kept while it is trained; set cached=0 or frozen=true")
        self.count = count
        self.results: OrderedDict[bytes, Made] = OrderedDict()

    def __call__(self, make: Callable[..., Made], *images: Tensor) -> Made:
        """`make(*images)` of images `[B, 3, H, W]`, for which only those that are new are made."""
        if not self.count:
            return make(*images)
        keys = [_digest(*row) for row in zip(*images, strict=True)]
        new = [i for i, key in enumerate(keys) if key not in self.results]
        if new:
            with torch.no_grad():
                made = make(*(image[new] for image in images))
            for place, i in enumerate(new):
                # A copy, for a slice would hold the whole batch.
                self.results[keys[i]] = {name: part[place].to("cpu", copy=True) for name, part in made.items()}
        found = [self.results[key] for key in keys]
        while len(self.results) > self.count:
            self.results.popitem(last=False)
        return {name: torch.stack([one[name] for one in found]).to(images[0].device) for name in found[0]}


def _digest(*images: Tensor) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for image in images:
        digest.update(f"{image.dtype} {list(image.shape)}".encode())  # one colour is the same bytes in many shapes
        digest.update(image.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.digest()
