/**
 * Offers new images of a list, without moving what the user looks at.
 */

import { readJson, request } from "./api.js";
import { followEvents } from "./events.js";
import { gettext as _, ngettext } from "./i18n.js";

/** @typedef {import("./cards.js").Card} Card */

// At most one request per interval. Searches read more of the archive.
const COUNT_MS = 1000;
const COUNT_MATCHES_MS = 10_000;

/**
 * @param {HTMLElement} place the status element for the link
 * @param {() => string | undefined} findNewest returns the id of the newest image of the list
 * @param {boolean} isOld whether the list was loaded earlier
 */
export function offerArrivals(place, findNewest, isOld) {
  const hasFilters = [...new URLSearchParams(location.search).values()].some(Boolean);
  /** @type {number | undefined} */
  let timer;
  let isFull = false;

  async function show() {
    timer = undefined;
    try {
      const page = /** @type {{ cards: Card[], next: string | null }} */ (
        await request(`/images/cards${location.search}`, readJson)
      );
      const known = page.cards.findIndex((card) => card.id === findNewest());
      const count = known < 0 ? page.cards.length : known;
      isFull = known < 0 && page.next !== null;
      if (count > 0) {
        place.replaceChildren(createLink(count, isFull));
      }
    } catch {
      // The next event tries again.
    }
  }

  if (isOld) {
    void show();
  }
  followEvents((change) => {
    if (change.status === "stored" && timer === undefined && !isFull) {
      timer = setTimeout(show, hasFilters ? COUNT_MATCHES_MS : COUNT_MS);
    }
  });
}

/**
 * @param {number} count
 * @param {boolean} isMore
 */
function createLink(count, isMore) {
  const link = document.createElement("a");
  link.className = "button";
  link.href = location.pathname + location.search;
  link.textContent = isMore
    ? _("More than %(count)s new images", { count })
    : ngettext("%(count)s new image", "%(count)s new images", count);
  return link;
}
