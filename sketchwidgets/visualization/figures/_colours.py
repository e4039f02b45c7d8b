"""Colour maps made in Oklab, where equal steps look equal: heat, diverging, and colours for categories."""

from functools import cache

import numpy as np

# Oklab to linear sRGB (Ottosson 2020, "A perceptual color space for image processing").
_TO_LMS = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]]
)
_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.707614701],
    ]
)


@cache
def heat_map() -> np.ndarray:
    """(256, 3) uint8, read-only: dark violet over green to light yellow, evenly lighter all the way."""
    at = np.linspace(0, 1, 256)
    return _frozen(_srgb(0.22 + 0.73 * at, 0.075 + 0.075 * np.sin(np.pi * at**0.8), 305 - 200 * at))


@cache
def diverging_map() -> np.ndarray:
    """(256, 3) uint8, read-only: blue, white at zero (entry 128), red; entry 1 and 255 are equally strong."""
    at = np.clip((np.arange(256) - 128) / 127, -1, 1)
    size = np.abs(at)
    return _frozen(_srgb(0.97 - 0.47 * size, 0.19 * size**0.9, np.where(at < 0, 255, 30)))


@cache
def category_colours(n: int) -> np.ndarray:
    """(n, 3) uint8, read-only: n colours, neighbours far apart in hue, and a third of them lighter or darker."""
    index = np.arange(n)
    lightness = np.array([0.68, 0.82, 0.56])[index % 3]
    # The golden angle never comes back to a hue that it has been at.
    return _frozen(_srgb(lightness, np.full(n, 0.13), 250 + 137.508 * index))


def _frozen(colours: np.ndarray) -> np.ndarray:
    colours.flags.writeable = False
    return colours


def _srgb(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """Oklab cylinder coordinates (hue in degrees) as uint8 sRGB; a chroma out of gamut is lowered until it fits."""
    lightness, chroma, hue = np.broadcast_arrays(lightness, chroma, np.deg2rad(hue))
    share = np.linspace(1, 0, 65)[:, None]
    lab = np.stack(
        [
            np.broadcast_to(lightness, (65, len(lightness))),
            share * chroma * np.cos(hue),
            share * chroma * np.sin(hue),
        ],
        axis=-1,
    )
    linear = ((lab @ _TO_LMS.T) ** 3) @ _TO_RGB.T
    fits = ((linear >= -1e-6) & (linear <= 1 + 1e-6)).all(-1)
    linear = np.clip(linear[fits.argmax(0), np.arange(len(lightness))], 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * encoded).astype(np.uint8)
