/**
 * Moves between the images of a list by keys. One link of the list can be reached by Tab (roving tabindex).
 */

import { handleKeys } from "./shortcuts.js";

/**
 * @param {HTMLElement} list
 * @param {{ toggle: (card: HTMLElement) => void, clear: () => void, help: () => void, more: () => void }} actions
 */
export function enableListKeys(list, actions) {
  const links = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll(".card-link")]);
  const focusedCard = () => /** @type {HTMLElement | null} */ (document.activeElement?.closest(".image-card") ?? null);

  /** @param {(index: number, count: number) => number} choose */
  function move(choose) {
    const all = links();
    const current = all.findIndex((link) => link.closest(".image-card") === focusedCard());
    const start = current < 0 ? all.findIndex((link) => link.tabIndex === 0) : current;
    const target = all[current < 0 ? start : choose(start, all.length)];
    if (!target) {
      actions.more();
      return;
    }
    focusLink(list, target);
  }

  const next = step(move, (index) => index + 1);
  const previous = step(move, (index) => Math.max(0, index - 1));
  handleKeys({
    j: next,
    ArrowRight: next,
    k: previous,
    ArrowLeft: previous,
    ArrowDown: step(move, (index, count) => Math.min(index + countColumns(list), Math.max(index, count - 1))),
    ArrowUp: step(move, (index) => (index < countColumns(list) ? index : index - countColumns(list))),
    x: () => toggle(),
    " ": (event) => {
      if (focusedCard() && document.activeElement?.matches(".card-link")) {
        event.preventDefault();
        toggle();
      }
    },
    Escape: () => actions.clear(),
    "/": (event) => {
      event.preventDefault();
      /** @type {HTMLElement | null} */ (document.querySelector("#filter-q"))?.focus();
    },
    "?": () => actions.help(),
  });

  function toggle() {
    const card = focusedCard();
    if (card) {
      actions.toggle(card);
    }
  }

  list.addEventListener("focusin", (event) => {
    const link = /** @type {HTMLElement} */ (event.target).closest(".image-card")?.querySelector(".card-link");
    if (link instanceof HTMLElement) {
      makeReachable(list, link);
    }
  });
  const first = links()[0];
  if (first) {
    makeReachable(list, first);
  }
}

/**
 * @param {HTMLElement} list
 * @param {HTMLElement} link
 */
export function focusLink(list, link) {
  makeReachable(list, link);
  link.focus({ preventScroll: true });
  link.closest(".image-card")?.scrollIntoView({ block: "nearest" });
}

/**
 * @param {HTMLElement} list
 * @param {HTMLElement} link
 */
function makeReachable(list, link) {
  for (const other of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll(".card-link"))) {
    other.tabIndex = other === link ? 0 : -1;
  }
}

/**
 * @param {(choose: (index: number, count: number) => number) => void} move
 * @param {(index: number, count: number) => number} choose
 * @returns {(event: KeyboardEvent) => void}
 */
function step(move, choose) {
  return (event) => {
    event.preventDefault();
    move(choose);
  };
}

/** @param {HTMLElement} list */
function countColumns(list) {
  return getComputedStyle(list).gridTemplateColumns.split(" ").length;
}
