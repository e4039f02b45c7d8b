"""The filters of a first layer next to the Gabor functions that fit them best."""

from dataclasses import dataclass, replace
from typing import Any

import ipywidgets
from traitlets import Enum, Float, Int, TraitError, link, validate

from ...visualization import Figure, Filters, GaborFits, Section, Tile, first_layer, gabor_fit
from ...visualization.figures._numbers import percent
from ...visualization.first_layer._figure import (
    SORTS,
    facts,
    fit_tile,
    frequencies,
    histogram,
    order,
    pair_sections,
    summary,
)
from ...visualization.first_layer.gabor_fit import SMALLEST
from ..explorer._explorer import Explorer
from ..explorer._job import Job
from ..parts._controls import dropdown

_COLUMNS = 12
_SIDE = 64
_DETAIL_SIDE = 118


@dataclass(frozen=True, eq=False)
class Gallery:
    """What a `FilterGallery` shows: filters, and their fits where they are large enough for any.

    note : why there are no fits; "" where there are.
    """

    filters: Filters
    fits: GaborFits | None
    note: str = ""

    def __repr__(self) -> str:
        return f"Gallery({self.fits or self.filters!r})"


class FilterGallery(Explorer):
    """Shows first-layer filters over their best Gabors, those that are Gabor-like apart from the others.

    A click on a filter or its fit shows both large, with what is left over and the nine parameters. The charts compare
    R² with that of filters that have learnt nothing, and show the directions and frequencies of the fits. Yu et al.
    (IJCV 2017, figure 8) put filters and Gabors side by side; `sw.gabor_fit` says how they are fitted.

    Parameters
    ----------
    network : a Network, a Recognizer or any torch.nn.Module; None for the bundled recogniser. Or the result of
        `sw.gabor_fit` or `sw.first_layer`, which is shown as it is.
    sort : "R²", "orientation", "wavelength" or "energy".
    threshold : of R², 0.05 to 0.95, above which a filter counts as Gabor-like.
    chosen : the filter shown large; -1 for the first of the order.

    `sort`, `threshold` and `chosen` are traits. `result` holds the `Gallery`. Filters smaller than 5 x 5 are shown
    without fits. Raises TypeError for what is no network, TraitError for other values.

    >>> gallery = sw.FilterGallery(sw.gabor_fit(torch.randn(4, 9, 9), progress=False))
    >>> gallery.settle()
    True
    >>> gallery.result.fits.parameters.shape
    torch.Size([4, 9])
    >>> gallery.close()
    """

    sort = Enum(SORTS, SORTS[0])
    threshold = Float(0.8)
    chosen = Int(-1)

    _needs_source = False

    def __init__(
        self,
        network: Any = None,
        *,
        sort: str = SORTS[0],
        threshold: float = 0.8,
        chosen: int = -1,
    ) -> None:
        self._given = network if isinstance(network, GaborFits | Filters) else None
        self.sort, self.threshold, self.chosen = sort, threshold, chosen
        self._places: list[dict[int, int]] = []  # by section: tile -> filter
        self._large = -1  # the filter that is shown large
        super().__init__(None if self._given else network, controls=self._make_controls())
        self.view.selectable = True
        self.view.on_click(self._click)
        self.observe(self._show_again, ["sort", "threshold", "chosen"])

    def __repr__(self) -> str:
        shown = self._given or ("the bundled recogniser" if self._network is None else self._network.name)
        return f"FilterGallery({shown})"

    @validate("threshold")
    def _threshold_in_range(self, proposal: dict[str, Any]) -> float:
        if not 0.05 <= proposal["value"] <= 0.95:
            raise TraitError(f"threshold must be between 0.05 and 0.95, not {proposal['value']}")
        return proposal["value"]

    def _forget(self, network: Any) -> None:
        self._given = None
        self.chosen = -1

    # Computing

    def _prepare(self, job: Job) -> bool:
        return True if self._given else super()._prepare(job)

    def _compute(self, job: Job) -> Gallery:
        if isinstance(self._given, GaborFits):
            return Gallery(self._given.filters, self._given)
        filters = self._given or first_layer(job.network)
        height, width = filters.weights.shape[2:]
        if min(height, width) < SMALLEST:
            note = (
                f"Filters of {height} x {width} are too small for a fit: a Gabor has nine parameters, which "
                f"{height * width} weights cannot pin down."
            )
            return Gallery(filters, None, note)
        fits = gabor_fit(
            filters if self._given else job.network,
            progress=False,
            callback=lambda state: job.progress(state.done, state.total, "fitting Gabors"),
        )
        return Gallery(filters, fits)

    # Showing

    def _present(self, result: Gallery) -> Figure:
        for control in self._of_fits:
            control.layout.display = "" if result.fits else "none"
        if result.fits is None:
            (section,) = result.filters.figure().sections
            return Figure(
                f"{len(result.filters)} filters of {result.filters.layer}",
                [replace(section, caption=result.note)],
            )
        fits = replace(result.fits, threshold=self.threshold)
        ranked = order(fits, self.sort)
        chosen = self.chosen if 0 <= self.chosen < len(fits) else ranked[0]
        sections, places = [self._detail(fits, chosen)], [{}]
        for name, wanted in (("Gabor-like", True), ("Not Gabor-like", False)):
            some = [i for i in ranked if bool(fits.gabor_like[i]) == wanted]
            title = f"{name}: {len(some)} of {len(fits)}, each above its fit; by {self.sort}"
            for section, shown in pair_sections(fits, some, _COLUMNS, _SIDE, title):
                sections.append(section)
                places.append(dict(enumerate(shown)))
        self._places, self._large = places, chosen
        return Figure(f"Layer {fits.filters.layer}: {summary(fits)}", sections)

    def _show(self, result: Gallery) -> None:
        super()._show(result)
        if result.fits is not None:
            # The chosen filter stays marked, wherever the new order has put it.
            placed = ((s, t, i) for s, tiles in enumerate(self._places) for t, i in tiles.items())
            self.view.selected = next(([s, t] for s, t, i in placed if i == self._large), None)

    def _detail(self, fits: GaborFits, i: int) -> Section:
        residual = (fits.filters.spatial[i].double() - fits.fits[i]).nan_to_num()
        peak = float(fits.filters.spatial[i].abs().max()) or None
        tiles: list[Any] = [fits.filters.tile(i, "filter")]
        if fits.filters.weights.shape[1] > 1:
            share = f"{percent(fits.filters.shares[i])} of its energy"
            tiles.append(
                Tile.signed(fits.filters.spatial[i][None], f"its leading picture, {share}", scale=peak)
            )
        tiles.append(fit_tile(fits, i, "Gabor", scale=peak))
        tiles.append(Tile.signed(residual[None], "what is left over", scale=peak))
        tiles += [histogram(fits), frequencies(fits, i)]
        text = " · ".join(f"{term} {value}" for term, value in facts(fits, i))
        return Section(f"Filter {i}", tiles, text, side=_DETAIL_SIDE)

    def _show_again(self, _change: Any) -> None:
        """The same result, shown otherwise."""
        shown = None
        while self.result is not None and shown is not self.result:  # a newer one may come meanwhile
            shown = self.result
            self._show(shown)

    def _click(self, section: int, tile: int) -> None:
        if section < len(self._places) and tile in self._places[section]:
            self.chosen = self._places[section][tile]

    # Controls

    def _make_controls(self) -> list[ipywidgets.Widget]:
        sort = dropdown("Sort by", list(SORTS))
        threshold = ipywidgets.FloatSlider(
            min=0.05,
            max=0.95,
            step=0.05,
            description="Gabor-like above R²",
            style={"description_width": "initial"},
            layout=ipywidgets.Layout(width="340px"),
        )
        link((self, "sort"), (sort, "value"))
        link((self, "threshold"), (threshold, "value"))
        self._of_fits = [sort, threshold]
        return self._of_fits
