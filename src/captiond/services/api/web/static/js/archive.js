/**
 * The archive view: endless scrolling, position, keyboard, selection and new images.
 */

import { offerArrivals } from "./arrivals.js";
import { enableListKeys, focusLink } from "./list-keys.js";
import { findViewed, loadPosition, savePosition, showPosition } from "./position.js";
import { EndlessList } from "./scrolling.js";
import { Selection } from "./selection.js";
import { SelectionActions } from "./selection-actions.js";
import { enableHelp } from "./shortcuts.js";

const list = document.querySelector("#cards");
const help = enableHelp();

leaveOutEmptyFields(/** @type {HTMLFormElement} */ (document.querySelector("#filters")));
const position = list instanceof HTMLElement ? loadPosition() : null;
if (list instanceof HTMLElement) {
  enhance(list);
}
const arrivals = document.querySelector("#arrivals");
if (arrivals instanceof HTMLElement && document.querySelector("[data-is-first]")) {
  const findNewest = () => /** @type {HTMLElement | null} */ (list?.firstElementChild ?? null)?.dataset.id;
  offerArrivals(arrivals, findNewest, position !== null);
}

/** @param {HTMLElement} cards */
function enhance(cards) {
  const footer = /** @type {HTMLElement} */ (document.querySelector("#more"));
  const template = /** @type {HTMLTemplateElement} */ (document.querySelector("#card-template"));
  const endless = new EndlessList(cards, footer, template);
  const bar = /** @type {HTMLElement} */ (document.querySelector("#selection"));
  const selection = new Selection(cards, bar);
  new SelectionActions(selection, bar, /** @type {HTMLElement} */ (document.querySelector("#changes")));
  enableListKeys(cards, {
    toggle: (card) => selection.toggle(card),
    clear: () => selection.clear(),
    help,
    more: () => void endless.load(),
  });
  cards.addEventListener("error", showMissing, true);
  cards.addEventListener("click", nameTransition);
  if (position) {
    cards.replaceChildren();
    endless.append(position.cards);
    endless.continueAt(position.next);
    selection.restore(position.selected);
    showPosition(cards, position);
    const first = cards.querySelector(".card-link");
    if (first instanceof HTMLElement) {
      first.tabIndex = 0;
    }
    focusViewed(cards);
  }
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      focusViewed(cards);
    }
  });
  addEventListener("pagehide", () => savePosition(cards, endless.next, selection.selected.keys()));
}

/** Focus the image that the user saw last. @param {HTMLElement} cards */
function focusViewed(cards) {
  const link = findViewed(cards)?.querySelector(".card-link");
  if (link instanceof HTMLElement) {
    focusLink(cards, link);
    name(link);
  }
}

/** An address without `q=&from=&to=` is easier to read. @param {HTMLFormElement} form */
function leaveOutEmptyFields(form) {
  form.addEventListener("formdata", ({ formData }) => {
    for (const [field] of [...formData]) {
      const texts = formData.getAll(field).filter((value) => value !== "");
      formData.delete(field);
      for (const text of texts) {
        formData.append(field, text);
      }
    }
  });
}

/** Say where a thumbnail is missing. @param {Event} event */
function showMissing(event) {
  if (event.target instanceof HTMLImageElement) {
    event.target.classList.add("missing");
  }
}

/** Let the picture grow into the view of its image, in browsers with View Transitions. @param {MouseEvent} event */
function nameTransition(event) {
  const link = /** @type {HTMLElement} */ (event.target).closest(".card-link");
  if (link instanceof HTMLElement) {
    name(link);
  }
}

/** @param {HTMLElement} link */
function name(link) {
  for (const named of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".card-picture img.named"))) {
    named.classList.remove("named");
  }
  link.querySelector("img")?.classList.add("named");
}
