"""Draw in a page as a hand does: strokes of timed pointer events from a mouse, a pen or a finger."""

import time
from collections.abc import Callable

import numpy as np
from playwright.sync_api import Locator, Page

_AT_REST = """async (root) => {
  const place = () => JSON.stringify([root.getBoundingClientRect(), root.scrollWidth, root.scrollHeight]);
  for (let last = '', still = 0; still < 3;) {
    await new Promise((done) => setTimeout(done, 40));
    const now = place();
    still = now === last ? still + 1 : 0;
    last = now;
  }
}"""


def at_rest(target: Locator) -> None:
    """Wait until an element keeps its place and its size: the page may still be laid out, or scroll to another cell."""
    target.evaluate(_AT_REST)


class Hand:
    """Draws strokes on an element whose own coordinates run from 0 to `board` on both axes.

    `pointer` is "mouse", "pen" or "touch". Mouse events go through Playwright; pen and touch, which it cannot
    send with pressure, through the DevTools protocol.
    """

    def __init__(self, page: Page, target: Locator, board: float = 400.0, pointer: str = "mouse") -> None:
        if pointer not in ("mouse", "pen", "touch"):
            raise ValueError(f"pointer must be 'mouse', 'pen' or 'touch', not {pointer!r}")
        self.page, self.target, self.board, self.pointer = page, target, board, pointer
        self._protocol = None if pointer == "mouse" else page.context.new_cdp_session(page)

    def stroke(self, points: np.ndarray, *, speed: float = 1.0, lift: bool = True) -> None:
        """Draw one stroke, points (n, 2..4): x, y in board units[, t in ms[, pressure 0..1]].

        Points with times are sent at their times over `speed`. With `lift=False` the pointer stays down.
        """
        points = np.asarray(points, dtype=float)
        to_page = self._to_page()
        start = time.perf_counter()
        for index, point in enumerate(points):
            if points.shape[1] > 2:
                wait = (point[2] - points[0, 2]) / 1000 / speed - (time.perf_counter() - start)
                if wait > 0:
                    time.sleep(wait)
            x, y = to_page(point[0], point[1])
            pressure = float(point[3]) if points.shape[1] > 3 else 0.5
            self._send("down" if index == 0 else "move", x, y, pressure)
        if lift:
            self.lift(*points[-1, :2])

    def lift(self, x: float, y: float) -> None:
        """End the stroke at a place in board units."""
        self._send("up", *self._to_page()(x, y), 0.0)

    def _to_page(self) -> Callable[[float, float], tuple[float, float]]:
        self.target.scroll_into_view_if_needed()
        box = self.target.bounding_box()
        assert box is not None, "the element to draw on is not visible"
        scale_x, scale_y = box["width"] / self.board, box["height"] / self.board
        return lambda x, y: (box["x"] + x * scale_x, box["y"] + y * scale_y)

    def _send(self, action: str, x: float, y: float, pressure: float) -> None:
        if self.pointer == "mouse":
            if action == "down":
                self.page.mouse.move(x, y)
                self.page.mouse.down()
            elif action == "move":
                self.page.mouse.move(x, y)
            else:
                self.page.mouse.up()
        elif self.pointer == "pen":
            kind = {"down": "mousePressed", "move": "mouseMoved", "up": "mouseReleased"}[action]
            self._protocol.send(
                "Input.dispatchMouseEvent",
                {
                    "type": kind,
                    "x": x,
                    "y": y,
                    "pointerType": "pen",
                    "force": pressure,
                    "button": "left",
                    "buttons": 0 if action == "up" else 1,
                    "clickCount": 1,
                },
            )
        else:
            kind = {"down": "touchStart", "move": "touchMove", "up": "touchEnd"}[action]
            points = [] if action == "up" else [{"x": x, "y": y, "force": pressure, "id": 1}]
            self._protocol.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def flood(page: Page, target: Locator, *, points: int, rate: float, board: float = 400.0) -> float:
    """One stroke, a spiral of `points` moves at `rate` a second, made inside the page; returns its seconds.

    The pointer is pressed for real, so that it can be captured; the moves are made by the page itself, since
    no protocol sends that many a second.
    """
    target.scroll_into_view_if_needed()
    at_rest(target)  # a press beside it would be the end of the stroke
    box = target.bounding_box()
    assert box is not None, "the element to draw on is not visible"
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    seconds = target.evaluate(
        """async (element, [points, rate]) => {
          const box = element.getBoundingClientRect(), start = performance.now();
          let sent = 0;
          await new Promise((resolve) => {
            const timer = setInterval(() => {
              const due = Math.min(points, Math.floor((performance.now() - start) / 1000 * rate));
              for (; sent < due; sent++) {
                const turn = sent / 60, radius = 0.45 * Math.min(box.width, box.height) * (sent + 1) / points;
                element.dispatchEvent(new PointerEvent('pointermove', {
                  pointerId: 1, pointerType: 'mouse', isPrimary: true, buttons: 1, pressure: 0.5,
                  bubbles: true, cancelable: true,
                  clientX: box.x + box.width / 2 + radius * Math.cos(turn),
                  clientY: box.y + box.height / 2 + radius * Math.sin(turn),
                }));
              }
              if (sent === points) { clearInterval(timer); resolve(); }
            }, 2);
          });
          return (performance.now() - start) / 1000;
        }""",
        [points, rate],
    )
    page.mouse.up()
    return seconds
