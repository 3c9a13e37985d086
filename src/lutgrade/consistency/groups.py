"""Which clips show alike things and ought to match: clustering on features that a grade changes little."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from lutgrade.color.spaces import lab_to_srgb
from lutgrade.consistency.profiles import Profile
from lutgrade.models.keyframes import LabHistogram
from lutgrade.models.matching import linear_transport
from lutgrade.weights import MissingWeights

# Distances at which average linkage stops. Pieces of one clip under five strong grades come to 0.12 by Lab;
# unlike clips start at 0.2.
LAB_DISTANCE, CLIP_DISTANCE = 0.16, 0.2
FREE_LIGHT, PER_LIGHT = 12.0, 0.01  # lightness between means that a grade may well make, and what each L beyond adds
FRAMES = 6  # of a clip that are encoded
BINS = 12
COMMON_DEVIATION = (20.0, 8.0, 8.0)  # Lab, that all clips are brought to
MAX_GAIN = 10.0


def cluster(profiles: Sequence[Profile], features: str) -> tuple[list[int], str]:
    """The cluster of each profile, numbered in order of appearance, and the features used, `clip` or `lab`.

    Args:
        profiles: of the clips.
        features: `clip`, `lab`, or `auto` (CLIP where its weights are on this machine).

    Raises:
        MissingWeights: `clip` was asked for and they are not there.
    """
    if features in ("auto", "clip"):
        try:
            return _linked(_clip_features(profiles), profiles, CLIP_DISTANCE), "clip"
        except MissingWeights:
            if features == "clip":
                raise
    return _linked(torch.stack([lab_features(profile) for profile in profiles]), profiles, LAB_DISTANCE), "lab"


def lab_features(profile: Profile) -> Tensor:
    """A unit vector of what a clip shows: the Lab histogram of its frames under a common mean and covariance.

    The optimal linear map to those takes most of a grade away, or of an HDR encoding, and leaves the shape of the
    distribution.
    """
    wanted = torch.diag(torch.tensor(COMMON_DEVIATION, dtype=torch.float64) / 100).square()
    matrix = linear_transport(profile.covariance[None] / 1e4, wanted[None], MAX_GAIN)[0].float()
    centred = profile.encoding.measure(_some(profile)) - profile.mean.float()[:, None, None]
    common = torch.einsum("ij,kjhw->kihw", matrix, centred) + torch.tensor([50.0, 0.0, 0.0])[:, None, None]
    return normalize(LabHistogram(BINS)(lab_to_srgb(common).clamp(0, 1)).mean(0), dim=0)


def _clip_features(profiles: Sequence[Profile]) -> Tensor:
    from lutgrade.models.keyframe_encoders import open_clip
    from lutgrade.models.keyframes import KeyframeSelector

    selector = KeyframeSelector(open_clip())
    pictures = (profile.encoding.preview(_some(profile)) for profile in profiles)
    return normalize(torch.stack([selector.features(some).mean(0) for some in pictures]), dim=1)


def _some(profile: Profile) -> Tensor:
    return profile.frames[:: -(-len(profile.frames) // FRAMES)].float()


def _linked(features: Tensor, profiles: Sequence[Profile], distance: float) -> list[int]:
    """Average linkage, up to a distance: that of unit rows `[N, D]` and of the light of the scenes."""
    if len(features) == 1:
        return [0]
    from scipy.cluster.hierarchy import fcluster, linkage

    lightness = torch.stack([profile.mean[0] for profile in profiles])
    apart = 1 - features.double() @ features.double().T  # [N, N]
    light = ((lightness[:, None] - lightness).abs() - FREE_LIGHT).clamp_min(0) * PER_LIGHT
    upper = torch.triu_indices(len(features), len(features), offset=1)
    condensed = (apart + light)[upper[0], upper[1]].clamp_min(0)
    labels = fcluster(linkage(condensed.numpy(), "average"), distance, "distance").tolist()
    numbers: dict[int, int] = {}
    return [numbers.setdefault(label, len(numbers)) for label in labels]
