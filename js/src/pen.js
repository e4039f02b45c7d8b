// Pointer events to points: pen, touch and mouse, one at a time.

/**
 * @typedef {{ x: number, y: number, time: number, pressure: number }} Point in board units, ms, 0..1
 * @typedef {{
 *   begin: () => void, extend: (points: Point[]) => void, finish: () => void, takeBack: () => void,
 * }} Hand takeBack: the stroke under way was a palm
 * @typedef {Pick<PointerEvent,
 *   "pointerId" | "pointerType" | "button" | "isPrimary" | "ctrlKey" | "timeStamp" | "width" | "height">} Press
 */

/** A touch within this many ms of the pen is the hand that holds it. */
const PEN_NEAR = 600;
/** CSS pixels; a larger contact is a palm. */
const PALM = 60;

/** Decides which pointer draws. */
export class Grip {
  /** @type {{ id: number, type: string } | null} */
  active = null;
  #lastPen = -Infinity;

  /** @param {{ pointerType: string, timeStamp: number }} event any event of a pointer near the board */
  notice({ pointerType, timeStamp }) {
    if (pointerType === "pen") this.#lastPen = timeStamp;
  }

  /**
   * A pointer is down: "draw", "ignore", or "replace" when it is the pen and what draws is a touch.
   *
   * @param {Press} event
   * @returns {"draw" | "ignore" | "replace"}
   */
  press(event) {
    const { pointerType, pointerId, button, ctrlKey, timeStamp } = event;
    const penNear = timeStamp - this.#lastPen < PEN_NEAR;
    this.notice(event);
    // Ctrl and click is the context menu of a Mac.
    if (button !== 0 || (pointerType === "mouse" && ctrlKey)) return "ignore";
    if (pointerType === "touch" && (penNear || !event.isPrimary || Math.max(event.width, event.height) > PALM)) {
      return "ignore";
    }
    // The same pointer that goes down again was lifted where nobody saw it.
    const other = this.active && this.active.id !== pointerId ? this.active : null;
    if (other && !(pointerType === "pen" && other.type === "touch")) return "ignore";
    const outcome = other ? "replace" : "draw";
    this.active = { id: pointerId, type: pointerType };
    return outcome;
  }

  /** @param {{ pointerId: number }} event */
  holds({ pointerId }) {
    return this.active?.id === pointerId;
  }

  release() {
    this.active = null;
  }
}

/**
 * All positions since the last event: a pen reports more often than the screen is painted.
 *
 * @template {{ getCoalescedEvents?: () => any[] }} E
 * @param {E} event
 * @returns {E[]}
 */
export function coalesced(event) {
  const all = event.getCoalescedEvents?.() ?? [];
  return all.length > 0 ? all : [event];
}

/**
 * Points of events, each only where it differs from the one before.
 *
 * @param {Pick<PointerEvent, "clientX" | "clientY" | "timeStamp" | "pointerType" | "pressure">[]} events
 * @param {{ left: number, top: number, width: number, height: number }} box of the board on screen
 * @param {number} board its side in board units
 * @param {Point | null} last
 * @returns {Point[]}
 */
export function toPoints(events, box, board, last) {
  /** @type {Point[]} */
  const points = [];
  const inside = (/** @type {number} */ v) => Math.min(board, Math.max(0, v));
  for (const event of events) {
    const x = inside(((event.clientX - box.left) / box.width) * board);
    const y = inside(((event.clientY - box.top) / box.height) * board);
    if (last && x === last.x && y === last.y) continue;
    // Mouse and most touch screens have no pressure and report a constant. A pen reports 0 as it lifts.
    const pressure = event.pointerType === "pen" ? event.pressure || (last?.pressure ?? 0.5) : 1;
    const time = Math.max(event.timeStamp, last?.time ?? -Infinity);
    last = { x, y, time, pressure };
    points.push(last);
  }
  return points;
}

/**
 * Let a canvas be drawn on.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {() => number} board side in board units
 * @param {Hand} hand
 * @param {Grip} grip shared by all canvases of one drawing
 * @param {AbortSignal} signal
 */
export function listenToPen(canvas, board, hand, grip, signal) {
  /** What the grip held when it began to draw here. @type {Grip["active"]} */
  let mine = null;
  /** @type {Point | null} */
  let last = null;

  /** @param {PointerEvent[]} events */
  const draw = (events) => {
    const points = toPoints(events, canvas.getBoundingClientRect(), board(), last);
    if (points.length === 0) return;
    last = points[points.length - 1];
    hand.extend(points);
  };
  /** @param {{ pointerId: number }} event */
  const holds = (event) => mine !== null && mine === grip.active && grip.holds(event);
  const end = () => {
    grip.release();
    mine = null;
    last = null;
    hand.finish();
  };

  canvas.addEventListener(
    "pointerdown",
    (event) => {
      const outcome = grip.press(event);
      if (outcome === "ignore") return;
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      mine = grip.active;
      last = null;
      if (outcome === "replace") hand.takeBack();
      try {
        canvas.setPointerCapture(event.pointerId);
      } catch {
        // The pointer has been lifted already; its pointerup follows.
      }
      hand.begin();
      draw([event]);
    },
    { signal },
  );
  canvas.addEventListener(
    "pointermove",
    (event) => {
      grip.notice(event);
      if (!holds(event)) return;
      // A mouse or a pen that moves with nothing pressed was lifted where nobody saw it.
      if (event.buttons === 0 && event.pointerType !== "touch") end();
      else draw(coalesced(event));
    },
    { signal },
  );
  canvas.addEventListener(
    "pointerup",
    (event) => {
      if (!holds(event)) return;
      draw([event]);
      end();
    },
    { signal },
  );
  for (const name of /** @type {const} */ (["pointercancel", "lostpointercapture"])) {
    canvas.addEventListener(name, (event) => holds(event) && end(), { signal });
  }
  // A long press must not open a menu over the stroke; a right click may.
  canvas.addEventListener("contextmenu", (event) => grip.active && event.preventDefault(), { signal });
  signal.addEventListener("abort", () => mine !== null && mine === grip.active && end());
}
