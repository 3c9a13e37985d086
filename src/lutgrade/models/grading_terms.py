"""The words of colour grading: what means the same, what asks for a change, and what turns a wish around."""

from __future__ import annotations

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _all(words: str, value: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    """The same value for several words."""
    return dict.fromkeys(words.split(), value)


# Several words that mean one thing, joined before words are looked at.
PHRASES = {
    "black and white": "monochrome",
    "b&w": "monochrome",
    "blue green": "teal",
    "blue grey": "slate",
    "washed out": "washed-out",
    "golden hour": "sunset",
    "blue hour": "dusk",
    "high key": "high-key",
    "low key": "low-key",
    "science fiction": "sci-fi",
    "sci fi": "sci-fi",
    "film noir": "noir",
    "a bit": "slightly",
    "a little": "slightly",
    "a touch": "slightly",
    "a hint of": "slight",
    "not too": "slightly less",
    "not so": "slightly less",
    "tone down": "reduce",
    "turn down": "reduce",
    "bring down": "reduce",
    "bring up": "raise",
    "pull down": "reduce",
    "pump up": "boost",
    "roll off": "soften",
    "black level": "blacks",
    "white balance": "temperature",
    "colour cast": "cast",
}

# Concepts, each with the words for it. A word may stand for several.
THESAURUS = {
    # Tone
    "bright": "bright luminous light airy sunny radiant overexposed brilliant high-key glowing",
    "dark": "dark dim gloomy underexposed low-key shadowy murky moody black inky",
    "contrasty": "contrasty punchy harsh hard snappy bold crisp dramatic stark",
    "flat": "flat soft gentle low-contrast matte delicate thin even tender",
    "faded": "faded milky washed-out bleached matte lifted hazy pale",
    "crushed": "crushed inky blocked deep dense",
    "soften": "soft creamy roll-off gentle soften smooth",
    # Colour
    "warm": "warm golden amber honey honeyed cosy cozy sunny hot fiery orange toasty",
    "cold": "cold cool icy chilly frosty frozen wintry steel bluish",
    "saturated": "saturated vivid colourful vibrant rich lush intense juicy loud lively electric glorious pop",
    "muted": "muted desaturated drained subdued pale restrained dull dusty colourless reduced ashen bleak",
    "neutral": "neutral natural balanced believable clean realistic uncoloured true",
    "monochrome": "monochrome monochromatic greyscale bw duotone",
    "toned": "toned tinted tint cast duotone split",
    "red": "red crimson ruby scarlet blood lacquer",
    "orange": "orange amber copper rust terracotta russet apricot sodium tangerine",
    "yellow": "yellow golden gold mustard ochre honey straw lemon",
    "green": "green emerald olive moss mossy lime greenish grass grassy",
    "teal": "teal cyan turquoise aqua aquamarine petrol",
    "blue": "blue navy cobalt indigo azure bluish prussian ultramarine",
    "purple": "purple violet lilac lavender plum ultraviolet mauve",
    "pink": "pink magenta rose rosy salmon coral fuchsia blush",
    "peach": "peach peachy salmon coral apricot skin",
    "brown": "brown chocolate umber tan khaki sepia beige brownish earthy",
    "grey": "grey silver slate graphite gunmetal ashen metallic charcoal leaden steel",
    "pastel": "pastel candy sugared powdery baby mint sweet cute",
    # Time and light
    "night": "night nocturnal midnight moon moonlit nightlife nighttime",
    "dusk": "dusk twilight evening nightfall",
    "sunset": "sunset sundown evening",
    "dawn": "dawn sunrise morning early daybreak",
    "midday": "midday noon noontime",
    "sun": "sun sunlight sunny sunlit daylight",
    "moon": "moon moonlight moonlit lunar",
    "lamp": "lamp bulb tungsten lantern practical lamplight lamplit",
    "candle": "candle candlelight candlelit firelight fire flame",
    "neon": "neon fluorescent club nightclub laser",
    "tube": "fluorescent tube office supermarket workplace",
    "street": "street city urban town alley metropolis megacity",
    # Place, season, weather
    "desert": "desert sand sandy dune arid dry dusty drought sahara",
    "heat": "heat hot scorched sweaty scorching blazing baked",
    "forest": "forest wood woods jungle tree foliage leaf leaves mossy woodland",
    "garden": "garden meadow flower blossom spring lawn",
    "sea": "sea ocean beach island coast water pool surf aquatic",
    "underwater": "underwater submerged diving dive submarine aquarium",
    "travel": "travel holiday vacation trip tourist tropical adventure",
    "autumn": "autumn fall october russet harvest",
    "winter": "winter snow snowy ice icy frost frosty frozen arctic",
    "spring": "spring may april fresh",
    "summer": "summer beach tropical july",
    "rain": "rain rainy wet drizzle overcast cloudy cloud grey damp",
    "storm": "storm stormy thunder thunderstorm lightning threatening ominous",
    "fog": "fog foggy mist misty haze hazy smoke smoky",
    "mountain": "mountain highland hill scenery landscape nature alpine",
    # Genre and use
    "cinema": "cinema cinematic movie theatrical feature blockbuster hollywood film trailer",
    "print": "print finish release polished",
    "film": "film analogue analog celluloid stock negative slide filmic",
    "crime": "crime detective thriller noir police murder mystery gangster suspense investigation",
    "scandinavian": "scandinavian nordic northern norwegian swedish danish",
    "horror": "horror scary creepy ghost haunted sinister nightmare eerie cellar basement monster zombie",
    "sci-fi": "sci-fi futuristic future space spaceship alien robot technology laboratory planet world",
    "computer": "computer screen terminal hacker code digital virtual simulated simulation matrix phosphor",
    "war": "war soldier battlefield battle army military combat trench",
    "action": "action chase explosion apocalypse superhero hero comic fight",
    "western": "western cowboy frontier mexico mexican border cartel",
    "romance": "romance romantic love wedding kiss valentine intimate date dinner",
    "comedy": "comedy cheerful happy joyful fun funny light-hearted optimistic upbeat",
    "whimsy": "whimsical quirky fairy storybook dollhouse charming enchanted magical toy",
    "fashion": "fashion magazine editorial studio beauty lookbook vogue",
    "commercial": "commercial advertising advert product brand polish food corporate",
    "portrait": "portrait face skin people person flattering beauty wedding",
    "family": "family home snapshot album holiday amateur private",
    "fine art": "art fine gallery museum archival elegant",
    "painting": "painting painterly oil canvas painter baroque rembrandt caravaggio vermeer impressionist chiaroscuro",
    "french": "french paris parisian france café cafe",
    "asylum": "sickly hospital toxic uneasy paranoid ugly queasy unwell poison",
    # Age
    "vintage": "vintage old antique retro nostalgic nostalgia aged classic decade historic old-fashioned yesteryear",
    "polaroid": "polaroid instant snapshot",
    "expired": "expired outdated stale",
    "seventies": "seventies 1970s 70s",
    "sixties": "sixties 1960s 60s super-8",
    "eighties": "eighties 1980s 80s synthwave synthetic arcade outrun vaporwave",
    "nineties": "nineties 1990s 90s rave",
    "silent": "silent silent-era orthochromatic 1910s 1920s",
    "technicolour": "technicolour dye studio-era 1940s three-strip musical",
    "two-colour": "two-colour two-strip two",
    "blueprint": "blueprint cyanotype architectural",
    # Mood
    "sad": "sad sadness melancholy melancholic lonely depressed emotional sorrow grief",
    "bleak": "bleak grim gritty dirty gloomy desolate hopeless mud rough",
    "dream": "dream dreamy daydream ethereal heavenly dreamlike weightless memory",
    "calm": "calm quiet peaceful serene tranquil still",
    "sterile": "sterile clinical clean futuristic",
    "surreal": "surreal psychedelic trippy weird strange odd crazy unreal false wrong swapped hallucinatory acid",
    "experimental": "experimental chemistry accident process processed developed",
    "subtle": "subtle slight restrained discreet",
    "infrared": "infrared false",
    "drama": "dramatic drama theatrical epic bold",
    "organic": "rustic organic linen bohemian boho natural earthy",
    "poster": "poster graphic flyer ink concert",
}

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

# How a word turns a level of light and an amount; contrast, blacks and highlights have their own ways.
MODIFIERS: dict[str, tuple[str, Mapping[str, float]]] = {
    "more": (
        "more higher high boost increase increased raise raised lift lifted strong stronger add extra enhance firm",
        {"level": 1, "amount": 1},
    ),
    "less": (
        "less lower low reduce reduced decrease cut weak weaker drop fewer limit tame little",
        {"level": -1, "amount": -1},
    ),
    "deeper": (
        "deep deeper deepen dense denser rich richer crushed crush inky pure",
        {"level": -1, "amount": 1, "highlights": 0},
    ),
    "softer": (
        "soft softer soften gentle gentler creamy smooth smoother rolled thin",
        {"shadows": 1, "blacks": 1, "highlights": 0, "shoulder": 1, "amount": -0.5, "contrast": -1},
    ),
    "lighter": ("bright brighter brighten light lighter lighten open opened milky airy blown faded", {"level": 1}),
    "darker": ("dark darker darken dim dimmer black", {"level": -1}),
    "harder": (
        "hard harder harsh crisp punchy snappy biting",
        {"contrast": 1, "shadows": -1, "blacks": -1, "highlights": 1},
    ),
    "vivid": ("vivid vibrant saturated intense lush loud colourful pumped", {"amount": 1}),
    "muted": (
        "muted mute desaturated desaturate pale paler dull drained subdued washed-out",
        {"amount": -1, "highlights": -0.5},
    ),
}

SLIGHTLY = _words("slightly slight subtle subtly barely somewhat touch gently")
VERY = _words("very extremely much strongly really heavy heavily highly super")
NEGATIONS = _words("no not without never hardly don't dont avoid nor non lacks gone")

# Words that say nothing of a look; those that turn another word around or weigh it are read before.
STOP_WORDS = _words(
    """
    a an the of in on at to for from by with and or but as is are be it its this that these those me my i we you your
    make makes give gives look looks looking like feel feeling style grade graded want please add apply get put very
    slightly slight more less no not without if so some all any every everything something anything into over under
    than then while high low higher lower where which when what who how only just one them their they there was were
    has have had do does would should could can will let really much too also still even keep leave rest alone scene
    scenes video clip picture image shot shots film's almost around against between through up down
    """
)
