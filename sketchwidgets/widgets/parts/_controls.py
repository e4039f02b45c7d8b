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


def combobox(
    description: str, options: Sequence[str] = (), *, placeholder: str = "", width: int = 230
) -> ipywidgets.Combobox:
    """A text of one's own, or a name of a long list; `placeholder` says what is taken without."""
    return ipywidgets.Combobox(
        options=tuple(options),
        description=description,
        placeholder=placeholder,
        continuous_update=False,
        style={"description_width": "initial"},
        layout=ipywidgets.Layout(width=f"{width}px", margin=_GAP),
    )


def checkbox(description: str) -> ipywidgets.Checkbox:
    """Yes or no."""
    layout = ipywidgets.Layout(width="auto", margin=_GAP)
    return ipywidgets.Checkbox(description=description, indent=False, layout=layout)


def slider(
    description: str, low: float, high: float, step: float = 0.1, *, tooltip: str = ""
) -> ipywidgets.FloatSlider:
    """A number within bounds, which follows the hand."""
    return ipywidgets.FloatSlider(
        value=low,
        min=low,
        max=high,
        step=step,
        readout_format=".1f",
        description=description,
        tooltip=tooltip,
        style={"description_width": "initial"},
        layout=ipywidgets.Layout(width="250px", margin=_GAP),
    )
