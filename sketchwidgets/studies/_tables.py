"""Tables of text in Markdown and HTML."""

import re
from collections.abc import Sequence
from html import escape

_NUMBER = re.compile(r"[-+−]?\d")


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
    """The first line is the head; all text is escaped. Columns of words are aligned to the left, numbers as notebooks do.

    >>> from sketchwidgets.studies._tables import html
    >>> html([["name", "top-1"], ["GRU", "61.8 %"]]).count("text-align: left")
    2
    """
    head, *rows = cells
    words = [not all(_NUMBER.match(cell) for cell in column if cell) for column in zip(*rows, strict=True)]

    def line(row: Sequence[str], tag: str) -> str:
        found = []
        for cell, of_words in zip(row, words or [True] * len(head), strict=True):
            style = ' style="text-align: left"' if of_words else ""
            found.append(f"<{tag}{style}>{escape(cell)}</{tag}>")
        return f"<tr>{''.join(found)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"
