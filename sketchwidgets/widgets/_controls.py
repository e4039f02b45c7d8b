"""The controls above an Explorer's view: compact, their names before them."""

from collections.abc import Sequence

import ipywidgets

Option = str | tuple[str, object]

_GAP = "0 14px 0 0"


def dropdown(description: str, options: Sequence[Option]) -> ipywidgets.Dropdown:
    """A choice as wide as its longest option."""
    pairs = [option if isinstance(option, tuple) else (option, option) for option in options]
    control = ipywidgets.Dropdown(
        options=pairs, description=description, style={"description_width": "initial"}
    )
    longest = max(len(text) for text, _ in pairs)
    control.layout = ipywidgets.Layout(width=f"{7.5 * (longest + len(description)) + 60:.0f}px", margin=_GAP)
    return control


def number(description: str, least: int, most: int) -> ipywidgets.BoundedIntText:
    """A whole number."""
    control = ipywidgets.BoundedIntText(
        value=least, min=least, max=most, description=description, style={"description_width": "initial"}
    )
    control.layout = ipywidgets.Layout(width=f"{7.5 * len(description) + 70:.0f}px", margin=_GAP)
    return control


def checkbox(description: str) -> ipywidgets.Checkbox:
    """Yes or no."""
    layout = ipywidgets.Layout(width="auto", margin=_GAP)
    return ipywidgets.Checkbox(description=description, indent=False, layout=layout)
