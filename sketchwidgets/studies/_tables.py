"""Tables of text in Markdown and HTML."""

from collections.abc import Sequence
from html import escape


def markdown(cells: Sequence[Sequence[str]]) -> str:
    """The first line is the head.

    >>> from sketchwidgets.studies._tables import markdown
    >>> print(markdown([["a", "b"], ["1", "2"]]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    head, *rows = [[cell.replace("|", r"\|").replace("\n", " ") for cell in line] for line in cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))


def html(cells: Sequence[Sequence[str]]) -> str:
    """The first line is the head; all text is escaped."""
    head, *rows = cells
    titles = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"
