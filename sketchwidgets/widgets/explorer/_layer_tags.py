"""The choice of layers: a tag for each, more by typing, all or the default by a button."""

from collections.abc import Callable, Sequence

import ipywidgets


class LayerTags(ipywidgets.HBox):
    """Tags for the names of layers, in the order of the forward pass.

    choose : called with the names when the user has changed them; not by `show`.
    """

    def __init__(self, choose: Callable[[tuple[str, ...]], None]) -> None:
        self._choose = choose
        self._every: tuple[str, ...] = ()
        self._default: tuple[str, ...] = ()
        self._shown: tuple[str, ...] = ()
        self._tags = ipywidgets.TagsInput(
            allow_duplicates=False,
            placeholder="add a layer",
            layout=ipywidgets.Layout(min_width="0", flex="1 1 200px"),
        )
        self._tags.observe(self._changed, "value")
        self._all = self._button("all", lambda: self._every)
        self._few = self._button("default", lambda: ())
        label = ipywidgets.Label("Layers", layout=ipywidgets.Layout(flex="0 0 auto"))
        super().__init__(
            [label, self._tags, self._few, self._all],
            layout=ipywidgets.Layout(
                flex="1 1 100%", min_width="0", align_items="center", flex_flow="row wrap", overflow="visible"
            ),
        )

    def show(self, every: Sequence[str], chosen: Sequence[str]) -> None:
        """Show which layers there are and which of them are looked at."""
        self._every = tuple(every)
        self._shown = tuple(chosen)
        known = [*self._every, *(name for name in chosen if name not in every)]
        if list(self._tags.allowed_tags) != known:
            self._tags.allowed_tags = known
        if tuple(self._tags.value) != self._shown:
            self._tags.value = list(self._shown)
        self._all.description = f"all {len(self._every)}"

    def close(self) -> None:
        for widget in (*self.children, self._tags):
            widget.close()
        super().close()

    def _button(self, name: str, layers: Callable[[], tuple[str, ...]]) -> ipywidgets.Button:
        button = ipywidgets.Button(description=name, layout=ipywidgets.Layout(width="70px", flex="0 0 auto"))
        button.on_click(lambda _button: self._choose(layers()))
        return button

    def _changed(self, change: dict) -> None:
        wanted = set(change["new"])
        names = [*self._every, *(name for name in change["new"] if name not in self._every)]
        chosen = tuple(name for name in names if name in wanted)
        if chosen != self._shown:
            self._shown = chosen
            self._choose(chosen)
