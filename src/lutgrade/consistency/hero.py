"""Which clip looks best by itself, without a reference: five stated criteria, equally weighted."""

from __future__ import annotations

import math

from lutgrade.consistency.profiles import LEVELS, Profile

MIDDLE = 50.0  # L of a well exposed picture's mean, and how far from it costs
EXPOSURE_WIDTH = 25.0
FULL_RANGE = 75.0  # L between the 5 % and the 95 % quantile of a picture that lacks no contrast
CLIPPED_SHARE = 0.1  # of pixels at black or white, at which the criterion is 0
CAST_WIDTH = 15.0  # chroma of the mean colour
COLOR_SPREAD, COLOR_WIDTH = 18.0, 15.0  # root of the summed variances of a and b: neither grey nor garish


def hero_criteria(profile: Profile) -> dict[str, float]:
    """Each criterion in [0, 1], 1 the best, of the clip on an SDR display.

    `exposure`: the mean L is near 50. `contrast`: the 5 % and the 95 % quantile of L lie far apart. `clipping`: few
    pixels are at L under 2 or over 98. `neutrality`: the mean colour has little chroma. `colour`: a and b vary about
    as much as in an ordinary photograph.
    """
    profile = profile.as_seen()
    lightness = profile.quantiles[0]
    contrast = float(lightness[round(0.95 * (LEVELS - 1))] - lightness[round(0.05 * (LEVELS - 1))])
    clipped = float(((lightness < 2) | (lightness > 98)).double().mean())
    spread = float(profile.deviation[1:].norm())
    return {
        "exposure": _bell(float(profile.mean[0]) - MIDDLE, EXPOSURE_WIDTH),
        "contrast": min(1.0, contrast / FULL_RANGE),
        "clipping": 1 - min(1.0, clipped / CLIPPED_SHARE),
        "neutrality": _bell(profile.cast[0], CAST_WIDTH),
        "colour": _bell(spread - COLOR_SPREAD, COLOR_WIDTH),
    }


def hero_score(profile: Profile) -> float:
    """The mean of the criteria, in [0, 1]."""
    criteria = hero_criteria(profile)
    return sum(criteria.values()) / len(criteria)


def _bell(distance: float, width: float) -> float:
    return math.exp(-((distance / width) ** 2))
