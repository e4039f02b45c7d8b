"""Numbers for a reader."""

import math


def short(value: float) -> str:
    """About three significant digits, with a real minus sign.

    >>> from sketchwidgets.visualization.figures._numbers import short
    >>> short(3.14159), short(-0.00002), short(123456.0), short(0)
    ('3.14', '−2.0e−5', '1.2e5', '0')
    """
    value = float(value)
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "NaN")
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e5):
        mantissa, exponent = f"{value:.1e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    else:
        text = f"{value:.3g}" if size < 1000 else f"{value:.0f}"
    return text.replace("-", "−")


def percent(share: float, fine: bool = False) -> str:
    """A share or a probability: whole per cent, never rounded to 0 or 100 where it is not that; "–" for NaN.

    `fine` adds a decimal below 10 % and above 99.5 %. The space before the sign does not break; `percent.js` writes
    the same in the page.

    >>> from sketchwidgets.visualization.figures._numbers import percent
    >>> [percent(share).replace("\\N{NO-BREAK SPACE}", "_") for share in (0.937, 0.002, 0.999, 0, 1)]
    ['94_%', '< 1_%', '> 99_%', '0_%', '100_%']
    >>> percent(0.034, fine=True).replace("\\N{NO-BREAK SPACE}", "_")
    '3.4_%'
    """
    share = float(share)
    if math.isnan(share):
        return "–"
    digits = 1 if fine and not 0.1 <= share <= 0.995 else 0
    unit = 10.0**-digits
    if share > 0 and 100 * share < unit / 2:
        return f"< {unit:g}\N{NO-BREAK SPACE}%"
    if share < 1 and 100 * share >= 100 - unit / 2:
        return f"> {100 - unit:g}\N{NO-BREAK SPACE}%"
    return f"{100 * share:.{0 if share in (0, 1) else digits}f}\N{NO-BREAK SPACE}%"


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most `most` + 1 round numbers from low to high, evenly spaced by 1, 2 or 5 times a power of ten."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) + 0.0 for k in range(first, last + 1)]
