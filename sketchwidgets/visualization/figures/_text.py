"""How wide a text is, and lines that fit a width. Measured in the font that Pillow carries."""

import unicodedata
from functools import cache, lru_cache

from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

LINE = 1.3  # distance of two baselines, in sizes of the font

# Signs that the bundled font lacks, and what says the same in it.
_SPOKEN = str.maketrans(
    {
        "×": "x",
        "−": "-",
        "–": "-",
        "—": "-",
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
        "°": " deg",
        "²": "2",
        "³": "3",
        "µ": "u",
        "→": "->",
        "←": "<-",
        "∞": "inf",
        "ß": "ss",
        "ø": "o",
        "Ø": "O",
        "æ": "ae",
        "œ": "oe",
        "ł": "l",
        "α": "alpha",
        "β": "beta",
        "γ": "gamma",
        "λ": "lambda",
        "σ": "sigma",
        "\u00a0": " ",
        "\u202f": " ",
    }
)


@cache
def font(size: float) -> FreeTypeFont:
    """Pillow's own scalable font."""
    return ImageFont.load_default(size)


@lru_cache(4096)
def width(text: str, size: float) -> float:
    """Width of one line. A few per cent more than in Pillow, since a page has another sans serif font."""
    return 1.06 * font(64).getlength(drawable(text)) * size / 64


@lru_cache(4096)
def drawable(text: str) -> str:
    """The text in characters that the bundled font has: "3 × 3" is "3 x 3", "é" is "e", what is left "?"."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKD", text.translate(_SPOKEN)).translate(_SPOKEN)
    return "".join(c if _known(c) else "?" for c in plain if not unicodedata.combining(c))


@lru_cache(4096)
def _known(character: str) -> bool:
    if character.isascii():
        return True
    absent = font(20).getmask("\uffff")
    drawn = font(20).getmask(character)
    return drawn.size != absent.size or bytes(drawn) != bytes(absent)


def wrapped(text: str, size: float, room: float, most: int = 3) -> list[str]:
    """The text in lines of at most `room`; words too long are cut, and what is more than `most` lines ends in "…"."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        while True:
            longer = f"{line} {word}" if line else word
            if width(longer, size) <= room:
                line = longer
                break
            if line:
                lines.append(line)
                line = ""
            else:  # one word wider than the room
                cut = max(
                    1, next(n for n in range(len(word), 0, -1) if n == 1 or width(word[:n], size) <= room)
                )
                if cut == len(word):
                    line = word
                    break
                lines.append(word[:cut])
                word = word[cut:]
    if line:
        lines.append(line)
    if len(lines) > most:
        last = lines[most - 1]
        while last and width(last + "…", size) > room:
            last = last[:-1]
        lines = [*lines[: most - 1], last.rstrip() + "…"]
    return lines
