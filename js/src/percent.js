// Shares and probabilities for a reader, written the same in every widget and in the figures of the kernel.

const SPACE = "\u00a0"; // a number and its sign stay on one line

/**
 * Whole per cent, never rounded to "0 %" or "100 %" where it is not that; "–" for NaN, which JSON makes null or a text.
 *
 * `fine` adds a decimal below 10 % and above 99.5 %, as `percent` of `visualization/figures/_numbers.py`.
 *
 * @param {number | null} share
 * @param {boolean} [fine]
 */
export function percent(share, fine = false) {
  if (share === null || !Number.isFinite(share)) return "–";
  const digits = fine && (share < 0.1 || share > 0.995) ? 1 : 0;
  const unit = 10 ** -digits;
  if (share > 0 && 100 * share < unit / 2) return `< ${unit}${SPACE}%`;
  if (share < 1 && 100 * share >= 100 - unit / 2) return `> ${100 - unit}${SPACE}%`;
  return `${(100 * share).toFixed(share === 0 || share === 1 ? 0 : digits)}${SPACE}%`;
}
