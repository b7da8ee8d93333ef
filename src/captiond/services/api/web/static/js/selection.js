/**
 * Selects images of a list: by check box, by range, or all that match the filters.
 */

import { url } from "./api.js";
import { readCard, showHold } from "./cards.js";
import { copyText } from "./clipboard.js";
import { downloadText } from "./downloads.js";
import { gettext as _, ngettext } from "./i18n.js";
import { fetchMatches, toCsv } from "./matches.js";

/** @typedef {import("./matches.js").Match} Match */

export class Selection {
  /** @type {Map<string, Match>} */
  selected = new Map();
  /** @type {HTMLElement | null} */
  #last = null;
  /** @type {AbortController | null} */
  #fetching = null;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} bar
   */
  constructor(list, bar) {
    this.list = list;
    this.bar = bar;
    this.status = /** @type {HTMLElement} */ (bar.querySelector("[role=status]"));
    list.addEventListener("click", (event) => this.#onClick(event));
    list.addEventListener("cards-added", (event) => {
      this.enable(/** @type {CustomEvent<HTMLElement[]>} */ (event).detail);
    });
    bar.addEventListener("click", (event) => {
      const action = /** @type {HTMLElement} */ (event.target).closest("button")?.dataset.action;
      void this.#run(action);
    });
    this.enable(this.#cards());
  }

  /** Show the check boxes of cards. @param {HTMLElement[]} cards */
  enable(cards) {
    for (const card of cards) {
      const box = checkBox(card);
      box.hidden = false;
      box.checked = this.selected.has(card.dataset.id ?? "");
      card.classList.toggle("selected", box.checked);
    }
  }

  /** @param {HTMLElement} card */
  toggle(card) {
    this.#set([card], !this.selected.has(card.dataset.id ?? ""));
    this.#last = card;
  }

  /** @param {string[]} ids of cards in the list */
  restore(ids) {
    const wanted = new Set(ids);
    this.#set(
      this.#cards().filter((card) => wanted.has(card.dataset.id ?? "")),
      true,
    );
  }

  /**
   * Show what was done with images. Deleted ones leave the list, the others that were changed the selection.
   *
   * @param {"hold" | "release" | "delete"} action
   * @param {string[]} ids
   */
  apply(action, ids) {
    const changed = new Set(ids);
    for (const id of ids) {
      this.selected.delete(id);
    }
    const cards = this.#cards().filter((card) => changed.has(card.dataset.id ?? ""));
    for (const card of cards) {
      if (action === "delete") {
        card.remove();
      } else {
        showHold(card, action === "hold");
      }
    }
    const counted = Number(this.list.dataset.count);
    if (action === "delete" && counted > 0 && counted <= Number(this.list.dataset.maxCount)) {
      this.#showMatching(Math.max(0, counted - ids.length));
    }
    const first = this.list.querySelector(".card-link");
    if (first instanceof HTMLElement && !this.list.querySelector('.card-link[tabindex="0"]')) {
      first.tabIndex = 0; // Tab must reach one image
    }
    this.enable(this.#cards());
    this.#show();
  }

  clear() {
    this.#fetching?.abort();
    this.selected.clear();
    this.enable(this.#cards());
    this.#show();
  }

  #cards() {
    return /** @type {HTMLElement[]} */ ([...this.list.children]);
  }

  /**
   * @param {HTMLElement[]} cards
   * @param {boolean} isSelected
   */
  #set(cards, isSelected) {
    for (const card of cards) {
      const { id, utc, camera, parts } = readCard(card);
      if (isSelected) {
        this.selected.set(id, { id, received_at: utc, camera, description: parts.map(([text]) => text).join("") });
      } else {
        this.selected.delete(id);
      }
    }
    this.enable(cards);
    this.#show();
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const box = /** @type {HTMLElement} */ (event.target);
    const card = /** @type {HTMLElement | null} */ (box.closest(".image-card"));
    if (!(box instanceof HTMLInputElement) || !card) {
      return;
    }
    const cards = this.#cards();
    const [from, to] = [this.#last ? cards.indexOf(this.#last) : -1, cards.indexOf(card)];
    const isRange = event.shiftKey && from >= 0;
    this.#set(isRange ? cards.slice(Math.min(from, to), Math.max(from, to) + 1) : [card], box.checked);
    this.#last = card;
  }

  #show() {
    const count = this.selected.size;
    this.bar.hidden = count === 0;
    this.status.textContent = ngettext("%(count)s image selected", "%(count)s images selected", count);
    const matching = Number(this.list.dataset.count);
    this.#button("all").hidden = matching > 0 && count >= matching;
  }

  /** Show the number of images that match the filters. @param {number} count */
  #showMatching(count) {
    this.list.dataset.count = String(count);
    const number = count.toLocaleString(document.documentElement.lang);
    const place = /** @type {HTMLElement} */ (document.querySelector("#count"));
    place.textContent = ngettext("%(number)s image", "%(number)s images", count, { number });
  }

  /** @param {string} action */
  #button(action) {
    return /** @type {HTMLButtonElement} */ (this.bar.querySelector(`[data-action=${action}]`));
  }

  /** @param {string | undefined} action */
  async #run(action) {
    switch (action) {
      case "all":
        await this.#selectAll();
        break;
      case "copy":
        await this.#copy();
        break;
      case "download":
        this.#download();
        break;
      case "clear":
        this.clear();
        break;
    }
  }

  async #selectAll() {
    const limit = Number(this.list.dataset.maxCount);
    if (Number(this.list.dataset.count) > limit) {
      this.status.textContent = _("More than %(limit)s images match. Narrow the filters to select all.", {
        limit: limit.toLocaleString(document.documentElement.lang),
      });
      return;
    }
    this.#fetching = new AbortController();
    const { signal } = this.#fetching;
    this.#button("all").disabled = true;
    try {
      for await (const page of fetchMatches(this.list.dataset.api ?? "", signal)) {
        for (const { id, received_at, camera, description } of page) {
          this.selected.set(id, { id, received_at, camera, description });
        }
        this.#show();
        if (this.selected.size > limit) {
          break; // images arrived since they were counted
        }
      }
      this.enable(this.#cards());
    } catch (error) {
      if (!signal.aborted) {
        this.status.textContent = _("The images could not be selected: %(reason)s", {
          reason: error instanceof Error ? error.message : String(error),
        });
      }
    } finally {
      this.#button("all").disabled = false;
    }
  }

  async #copy() {
    const isCopied = await copyText(`${[...this.selected.keys()].join("\n")}\n`);
    this.status.textContent = isCopied ? _("The IDs are copied.") : _("The browser did not allow to copy.");
  }

  #download() {
    const csv = toCsv([...this.selected.values()], (id) => new URL(url(`/images/${id}`), location.origin).href);
    downloadText(csv, "text/csv", "captiond-images.csv");
  }
}

/** @param {HTMLElement} card */
function checkBox(card) {
  return /** @type {HTMLInputElement} */ (card.querySelector(".card-check"));
}
