/**
 * Endless scrolling: appends the next page when its link comes near the window.
 */

import { readJson, request } from "./api.js";
import { createCard } from "./cards.js";
import { gettext as _ } from "./i18n.js";

/** @typedef {import("./cards.js").Card} Card */

// About two windows ahead, so that a page is there before it is seen.
const AHEAD = "1600px 0px";

export class EndlessList {
  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} footer contains the link to the next page, if there is one, and a status
   * @param {HTMLTemplateElement} template
   */
  constructor(list, footer, template) {
    this.list = list;
    this.template = template;
    this.status = /** @type {HTMLElement} */ (footer.querySelector("[role=status]"));
    this.link = /** @type {HTMLAnchorElement | null} */ (footer.querySelector("a[rel=next]"));
    this.text = this.link?.textContent ?? "";
    this.isLoading = false;
    this.observer = new IntersectionObserver((entries) => this.#onSeen(entries), { rootMargin: AHEAD });
    this.link?.addEventListener("click", (event) => {
      event.preventDefault();
      void this.load();
    });
    this.#observe();
  }

  /** The link to the next page, null at the end of the list. */
  get next() {
    return this.link?.getAttribute("href") ?? null;
  }

  /** Load the next page. An error is shown, and the link becomes a button that retries. */
  async load() {
    if (this.isLoading || !this.link) {
      return;
    }
    this.isLoading = true;
    this.observer.disconnect();
    this.status.textContent = _("Loading…");
    try {
      const page = /** @type {{ cards: Card[], next: string | null }} */ (
        await request(`/images/cards${new URL(this.link.href).search}`, readJson)
      );
      this.append(page.cards);
      this.continueAt(page.next);
    } catch (error) {
      this.link.textContent = _("Retry");
      this.status.textContent = _("The next images could not be loaded: %(reason)s", {
        reason: error instanceof Error ? error.message : String(error),
      });
    } finally {
      this.isLoading = false;
    }
  }

  /** @param {Card[]} cards */
  append(cards) {
    const known = new Set([...this.list.children].map((card) => /** @type {HTMLElement} */ (card).dataset.id));
    const added = cards.filter((card) => !known.has(card.id)).map((card) => createCard(this.template, card));
    this.list.append(...added);
    this.list.dispatchEvent(new CustomEvent("cards-added", { detail: added }));
  }

  /** @param {string | null} next the link to the next page */
  continueAt(next) {
    if (next && this.link) {
      this.link.href = next;
      this.link.textContent = this.text;
      this.status.textContent = "";
      this.#observe();
    } else {
      this.link?.remove();
      this.link = null;
      this.status.textContent = _("End of the list");
    }
  }

  #observe() {
    if (this.link) {
      // Observing anew reports a link that is still near the window.
      this.observer.unobserve(this.link);
      this.observer.observe(this.link);
    }
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #onSeen(entries) {
    if (entries.some((entry) => entry.isIntersecting)) {
      void this.load();
    }
  }
}
