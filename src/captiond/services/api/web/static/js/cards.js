/**
 * The images of the archive view: converts between elements and values.
 */

import { url } from "./api.js";
import { gettext as _ } from "./i18n.js";

/**
 * A part of a text, and whether it is a hit of the search.
 * @typedef {[string, boolean]} Part
 */

/**
 * One image, as `/images/cards` returns it. `badges` are pairs of a text and its style.
 * @typedef {{
 *   id: string, href: string, parts: Part[], time: string, utc: string, width: number, height: number,
 *   camera: string | null, badges: [string, string][],
 * }} Card
 */

/**
 * @template {Element} T
 * @param {ParentNode} parent
 * @param {string} selector
 * @param {new () => T} kind
 * @returns {T}
 */
export function find(parent, selector, kind) {
  const found = parent.querySelector(selector);
  if (!(found instanceof kind)) {
    throw new Error(`${selector} is missing`);
  }
  return found;
}

/**
 * @param {HTMLTemplateElement} template
 * @param {Card} card
 */
export function createCard(template, card) {
  const element = /** @type {HTMLElement} */ (document.importNode(find(template.content, "li", HTMLLIElement), true));
  element.dataset.id = card.id;
  find(element, ".card-link", HTMLAnchorElement).href = card.href;
  const image = find(element, "img", HTMLImageElement);
  image.width = card.width;
  image.height = card.height;
  image.src = url(`/api/images/${card.id}/thumbnail`);
  find(element, ".card-description", HTMLElement).replaceChildren(...card.parts.map(createPart));
  const time = find(element, "time", HTMLTimeElement);
  time.dateTime = card.utc;
  time.textContent = card.time;
  const data = find(element, ".card-data", HTMLElement);
  if (card.camera) {
    data.append(" ", createText("card-camera", card.camera));
  }
  for (const [text, style] of card.badges) {
    data.append(" ", createText(`badge ${style}`, text));
  }
  const label = _("Select the image of %(time)s", { time: card.time });
  find(element, ".card-check", HTMLInputElement).setAttribute("aria-label", label);
  return element;
}

/**
 * Return what `createCard` showed.
 *
 * @param {HTMLElement} element
 * @returns {Card}
 */
export function readCard(element) {
  const image = find(element, ".card-picture", HTMLElement);
  const time = find(element, "time", HTMLTimeElement);
  const description = find(element, ".card-description", HTMLElement);
  return {
    id: element.dataset.id ?? "",
    href: find(element, ".card-link", HTMLAnchorElement).getAttribute("href") ?? "",
    parts: [...description.childNodes].map((node) => [node.textContent ?? "", node instanceof HTMLElement]),
    time: time.textContent ?? "",
    utc: time.dateTime,
    width: image.querySelector("img")?.width ?? 1,
    height: image.querySelector("img")?.height ?? 1,
    camera: element.querySelector(".card-camera")?.textContent ?? null,
    badges: [...element.querySelectorAll(".badge")].map((badge) => [
      badge.textContent ?? "",
      badge.className.replace(/^badge /, ""),
    ]),
  };
}

/**
 * Show or remove the badge of a hold.
 *
 * @param {HTMLElement} element
 * @param {boolean} isHeld
 */
export function showHold(element, isHeld) {
  element.querySelector(".badge.held")?.remove();
  if (isHeld) {
    find(element, ".card-data", HTMLElement).append(" ", createText("badge held", _("Held")));
  }
}

/** @param {Part} part */
function createPart([text, isHit]) {
  if (!isHit) {
    return document.createTextNode(text);
  }
  const mark = document.createElement("mark");
  mark.textContent = text;
  return mark;
}

/**
 * @param {string} className
 * @param {string} text
 */
function createText(className, text) {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = text;
  return span;
}
