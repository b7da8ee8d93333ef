/**
 * Keeps the loaded pages and the position of a list, for the way back from an image.
 *
 * Browsers that keep the whole page in memory need no help. Otherwise the cards are stored in the session.
 */

import { readCard } from "./cards.js";

/** @typedef {import("./cards.js").Card} Card */

/**
 * `anchor` is the first visible image, and `top` its distance to the top of the window in CSS pixels.
 * @typedef {{ cards: Card[], next: string | null, anchor: string, top: number, selected: string[] }} Position
 */

const RETURN_KEY = "captiond-return";
const VIEWED_KEY = "captiond-viewed";
// About 2 MB; sessions hold 5 MB per origin.
const MAX_CARDS = 4000;

const key = () => `captiond-list:${location.search}`;

/** Remember, in the view of an image, which image the user saw last. @param {string} id */
export function rememberViewed(id) {
  sessionStorage.setItem(VIEWED_KEY, id);
}

/** Announce that a link leads back to the list. */
export function rememberReturn() {
  sessionStorage.setItem(RETURN_KEY, "1");
}

/**
 * @param {HTMLElement} list
 * @param {string | null} next
 * @param {Iterable<string>} selected
 */
export function savePosition(list, next, selected) {
  const elements = /** @type {HTMLElement[]} */ ([...list.children]);
  const anchor = elements.find((element) => element.getBoundingClientRect().bottom > 0) ?? elements[0];
  if (!anchor || elements.length > MAX_CARDS) {
    return;
  }
  /** @type {Position} */
  const position = {
    cards: elements.map(readCard),
    next,
    anchor: anchor.dataset.id ?? "",
    top: anchor.getBoundingClientRect().top,
    selected: [...selected],
  };
  try {
    sessionStorage.setItem(key(), JSON.stringify(position));
  } catch {
    sessionStorage.removeItem(key()); // full: the list starts at its top
  }
}

/** Return the stored position if the user came back to this list, else null. */
export function loadPosition() {
  const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  const isReturn = navigation?.type === "back_forward" || sessionStorage.getItem(RETURN_KEY) !== null;
  sessionStorage.removeItem(RETURN_KEY);
  const stored = isReturn ? sessionStorage.getItem(key()) : null;
  return stored ? /** @type {Position} */ (JSON.parse(stored)) : null;
}

/**
 * @param {HTMLElement} list
 * @param {Position} position
 */
export function showPosition(list, position) {
  history.scrollRestoration = "manual";
  const anchor = findCard(list, position.anchor);
  // Cards out of sight have an estimated height until they are laid out, so later steps correct the first.
  for (let step = 0; step < 3 && anchor; step += 1) {
    scrollBy({ top: anchor.getBoundingClientRect().top - position.top, behavior: "instant" });
  }
}

/**
 * Return the image that the user saw last, once.
 *
 * @param {HTMLElement} list
 */
export function findViewed(list) {
  const id = sessionStorage.getItem(VIEWED_KEY);
  sessionStorage.removeItem(VIEWED_KEY);
  return id ? findCard(list, id) : null;
}

/**
 * @param {HTMLElement} list
 * @param {string} id
 */
function findCard(list, id) {
  return list.querySelector(`[data-id="${CSS.escape(id)}"]`);
}
