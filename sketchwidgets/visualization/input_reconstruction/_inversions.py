"""Several layers inverted, side by side."""

from .._by_layer import ByLayer
from ..figures import Chart, Figure, Section, Tile
from ._result import Reconstruction


class Inversions(ByLayer[Reconstruction]):
    """What each of several layers knows of one image, by layer name, in the order in which they were asked for.

    >>> network = sw.Network.of(None)
    >>> cross = sw.Sketch([[(0, 0), (9, 9)], [(0, 9), (9, 0)]])
    >>> inversions = sw.invert(network, cross, network.layers()[:2], steps=2, progress=False)
    >>> tuple(inversions) == network.layers()[:2], inversions.stopped
    (True, False)
    """

    def __repr__(self) -> str:
        return f"Inversions({', '.join(map(repr, self._layers))})"

    @property
    def stopped(self) -> bool:
        """Whether a callback ended it early; then the last layer is not finished, and later ones are missing."""
        return any(result.stopped for result in self._layers.values())

    def figure(self, side: int = 160) -> Figure:
        """The image beside what each layer gives back, and the energies; `side` is that of a picture in pixels."""
        results = list(self._layers.values())
        first = results[0]
        tiles = [Tile(first.target_picture, "the input", smooth=True)]
        for result in results:
            tiles += result.tiles()
        curves = [curve for result in results for curve in result.chart().series]
        chart = Chart(curves[:9], "step", "energy", log=all(result.chart().log for result in results))
        caption = f"method {first.method}, {first.steps} steps" + (", stopped early" if self.stopped else "")
        sections = [Section("What each layer knows of it", tiles, caption, side=side)]
        return Figure(
            f"{first.network}: the input, from its features", [*sections, Section("Energy", [chart])]
        )

    def _repr_html_(self) -> str:
        return self.figure().to_html()
