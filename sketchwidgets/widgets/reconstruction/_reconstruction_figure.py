"""A reconstruction that is still being made, as a figure of the same form as the finished one."""

from dataclasses import dataclass, field

import numpy as np

from ...visualization import Chart, Figure, Section, Tile

_CURVES = 9


@dataclass
class Making:
    """What there is so far: the newest picture of each name, the way of the first, and the objectives.

    names : what is made, in order. before : tiles that come first, such as the input.
    log : whether the objectives are shown on a logarithmic axis.
    """

    title: str
    names: list[str]
    y_label: str
    heading: str = ""
    before: tuple[Tile, ...] = ()
    side: int = 160
    log: bool = False
    shows_way: bool = True
    step: int = 0
    steps: int = 0
    pictures: dict[str, np.ndarray] = field(default_factory=dict)
    way: list[Tile] = field(default_factory=list)
    curves: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, picture: np.ndarray, objective: float, step: int, steps: int) -> None:
        """The picture of a name after a step, and the objective before it."""
        self.pictures[name] = picture
        self.curves.setdefault(name, []).append(objective)
        self.step, self.steps = step, steps
        if self.shows_way and name == self.names[0] and step % max(1, steps // 8) == 0:
            self.way.append(Tile(picture, f"step {step}", smooth=True))

    def figure(self) -> Figure:
        tiles = list(self.before)
        for name in self.names:
            if name not in self.pictures:
                tiles.append(Tile(None, name, label="waiting"))
            else:
                objective = self.curves[name][-1]
                tiles.append(Tile(self.pictures[name], f"{name} · {objective:.3g}", smooth=True))
        sections = [Section(self.heading, tiles, f"step {self.step} of {self.steps}", side=self.side)]
        if self.way:
            sections.append(Section(f"{self.names[0]}, step by step", self.way))
        series = [(name, np.arange(len(y)), np.array(y)) for name, y in self.curves.items()][:_CURVES]
        log = self.log and all((values > 0).all() for _, _, values in series)
        sections.append(Section("Objective", [Chart(series, "step", self.y_label, log=log)]))
        return Figure(self.title, sections)
