"""The words that ask for a change of light or colour, and those that turn a wish around or weigh it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class Modifier:
    """Words that turn something, and which way: by measure, or for `level`s of light and `amount`s in general."""

    words: frozenset[str]
    ways: Mapping[str, float]


def _all(words: str, value: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    """The same value for several words."""
    return dict.fromkeys(words.split(), value)


# What a word asks of the look's own measures (`look_measures`), by itself.
QUALITIES: dict[str, Mapping[str, float]] = {
    "bright": {"exposure": 1},
    "dark": {"exposure": -1},
    "contrasty": {"contrast": 1},
    "flat": {"contrast": -1},
    "faded": {"blacks": 1, "contrast": -0.5, "saturation": -0.5},
    "crushed": {"blacks": -1, "shadows": -1},
    "warm": {"temperature": 1},
    "cold": {"temperature": -1},
    "saturated": {"saturation": 1},
    "muted": {"saturation": -1},
    "monochrome": {"saturation": -3},
}

# What can be asked to change, and the measures that it means. A colour in the plural is the picture's own: "greens".
TARGETS: dict[str, Mapping[str, float]] = {
    **_all("contrast", {"contrast": 1}),
    **_all("saturation vibrance colour colours", {"saturation": 1}),
    **_all("exposure brightness midtone midtones mids", {"exposure": 1}),
    **_all("warmth temperature", {"temperature": 1}),
    **_all("shadow shadows darks", {"shadows": 1}),
    **_all("blacks", {"blacks": 1, "shadows": 0.5}),
    **_all("highlight highlights whites lights", {"highlights": 1}),
    **_all("skin oranges", {"oranges": 1}),
    **_all("greens foliage", {"greens": 1}),
    **_all("blues sky skies", {"blues": 1}),
    **{hue: {hue: 1} for hue in ("reds", "yellows", "cyans", "purples", "pinks")},
}
LEVELS = {"exposure", "shadows", "blacks", "highlights"}  # of light; the other measures are amounts
REGION_OF = {"shadows": "shadow", "blacks": "shadow", "exposure": "midtone", "highlights": "highlight"}

# The hues, in Oklab degrees, that a tone region can be asked to take.
CASTS = {
    "red": 29, "orange": 58, "warm": 70, "yellow": 100, "green": 142, "teal": 200, "cold": 250, "blue": 260,
    "purple": 305, "pink": 350,
}  # fmt: skip

# Contrast, blacks and highlights have ways of their own.
MODIFIERS = {
    "more": Modifier(
        _words(
            "more higher high boost increase increased raise raised lift lifted strong stronger add extra enhance firm "
            "push"
        ),
        {"level": 1, "amount": 1},
    ),
    "less": Modifier(
        _words(
            "less lower low reduce reduced decrease cut weak weaker drop fewer limit tame little remove kill eliminate"
        ),
        {"level": -1, "amount": -1},
    ),
    "deeper": Modifier(
        _words("deep deeper deepen dense denser rich richer crushed crush inky pure"),
        {"level": -1, "amount": 1, "highlights": 0},
    ),
    "softer": Modifier(
        _words("soft softer soften gentle gentler creamy smooth smoother rolled thin"),
        {"shadows": 1, "blacks": 1, "highlights": 0, "shoulder": 1, "amount": -0.5, "contrast": -1},
    ),
    "recovered": Modifier(_words("recover rescue detail details"), {"shadows": 1, "blacks": 1, "highlights": -1}),
    "lighter": Modifier(
        _words("bright brighter brighten light lighter lighten open opened milky airy blown faded"), {"level": 1}
    ),
    "darker": Modifier(_words("dark darker darken dim dimmer black"), {"level": -1}),
    "harder": Modifier(
        _words("hard harder harsh crisp punchy snappy biting"),
        {"contrast": 1, "shadows": -1, "blacks": -1, "highlights": 1},
    ),
    "vivid": Modifier(_words("vivid vibrant saturated intense lush loud colourful pumped"), {"amount": 1}),
    "muted": Modifier(
        _words("muted mute desaturated desaturate pale paler dull drained subdued washed-out"),
        {"amount": -1, "highlights": -0.5},
    ),
}

# Of the words for more and less those that can weigh another of these words, or a hue: "less saturated", "more teal".
ADDING = _words("more add boost increase increased enhance extra push")
LESSENING = _words("less reduce reduced decrease cut fewer limit tame remove kill eliminate")
KEEPING = _words("keep keeping kept preserve protect maintain hold retain leave untouched unchanged")
COMPARATIVES = _words("redder greener yellower pinker")  # "bluer" asks for a colder light

SLIGHTLY = _words("slightly slight subtle subtly barely somewhat touch gently hint bit")
VERY = _words("very extremely much strongly really heavy heavily highly super")
NEGATIONS = _words("no not without never hardly dont isnt doesnt avoid nor neither non cannot lacks gone")

# Words that say nothing of a look; those that turn another word around or weigh it are read before.
STOP_WORDS = _words(
    """
    a an the of in on at to for from by with and or but as is are be it its it's this that's that these those me my
    i we you your make makes give gives look looks looking like feel feeling style grade graded want please add
    apply get put very slightly slight more less no not without if so some all any every everything something
    anything into over under than then while high low higher lower where which when what who how only just one them
    their they there was were has have had do does would should could can will let really much too also still even
    keep leave rest alone scene scenes video clip picture image shot shots film's almost around against between
    through up down stop stops half everywhere keeping kept preserve protect maintain hold retain untouched
    unchanged
    """
)
