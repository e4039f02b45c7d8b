"""One line that tells how far a computation is, with a button that ends it; and what went wrong, below."""

import traceback
from collections.abc import Callable
from html import escape

import ipywidgets

_OVER = "skw-explorer-over"


class StatusLine:
    """The widgets `line` and `notice`. The line takes no room while there is nothing to say.

    Nor does it while it tells of progress above something that is shown already: then it lies over the upper edge of
    that, so that nothing jumps when a computation starts or ends. What is said to stay takes a line of its own.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        self._bar = ipywidgets.FloatProgress(
            min=0, max=1, layout=ipywidgets.Layout(width="140px", min_width="60px", margin="0 8px 0 0")
        )
        self._text = ipywidgets.HTML(layout=ipywidgets.Layout(min_width="0", flex="0 1 auto"))
        self._button = ipywidgets.Button(
            layout=ipywidgets.Layout(width="90px", height="26px", flex="0 0 auto")
        )
        self._button.on_click(lambda _button: act())
        said = ipywidgets.HBox(
            [self._bar, self._text, self._button],
            layout=ipywidgets.Layout(align_items="center", min_height="28px", overflow="visible"),
        )
        said.add_class("skw-explorer-said")
        self.line = ipywidgets.HBox([said], layout=ipywidgets.Layout(display="none", overflow="visible"))
        self.line.add_class("skw-explorer-line")
        self.notice = ipywidgets.HTML(layout=ipywidgets.Layout(display="none", margin="0"))
        self.notice.add_class("skw-explorer-notice")

    def show_progress(self, done: float, total: float, text: str, over: bool = False) -> None:
        """A bar, if a total is known, a text, and a button to cancel; `over` what is shown below, or above it."""
        (self.line.add_class if over else self.line.remove_class)(_OVER)
        self._bar.layout.display = "" if total > 0 else "none"
        if total > 0:
            self._bar.value = min(1.0, max(0.0, done / total))
        counted = f"{done:g} of {total:g}" if total > 1 and float(done).is_integer() else ""
        self._say(" · ".join(part for part in (text or ("" if counted else "computing …"), counted) if part))
        self._offer("Cancel")

    def show_text(self, text: str, offer: str = "") -> None:
        """A text, and a button if one is offered."""
        self.line.remove_class(_OVER)
        self._bar.layout.display = "none"
        self._say(text)
        self._offer(offer)

    def hide(self) -> None:
        """Take the line away, with its room."""
        self.line.layout.display = "none"

    def show_error(self, error: BaseException | None, title: str = "") -> None:
        """An exception with its traceback folded; None takes it away."""
        if error is None:
            self.notice.layout.display = "none"
            self.notice.value = ""
            return
        folded = escape("".join(traceback.format_exception(error)))
        self.notice.value = (
            f"<div class='skw'><div class='skw-error' role='alert'>"
            f"<div class='skw-error-title'>{escape(title or type(error).__name__)}</div>"
            f"<div class='skw-error-message'>{escape(str(error) or type(error).__name__)}</div>"
            f"<details><summary>Traceback</summary><pre class='skw-error-traceback'>{folded}</pre></details>"
            f"</div></div>"
        )
        self.notice.layout.display = ""

    def close(self) -> None:
        """Close the widgets."""
        for widget in (self._bar, self._text, self._button, *self.line.children, self.line, self.notice):
            widget.layout.close()
            widget.close()

    def _say(self, text: str) -> None:
        self._text.value = f"<span class='skw-explorer-text'>{escape(text)}</span>"
        self.line.layout.display = ""

    def _offer(self, name: str) -> None:
        self._button.description = name
        self._button.layout.visibility = "visible" if name else "hidden"
