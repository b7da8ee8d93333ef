/**
 * The view for operators: refreshes its figures every few seconds while the tab is visible.
 */

import { ApiError } from "./api.js";
import { DeadLetters } from "./dead_letters.js";
import { select } from "./elements.js";
import { fetchDocument, merge } from "./fragments.js";
import { gettext as _ } from "./i18n.js";

const REFRESH_MS = 5000;

const live = select("#live", HTMLElement);
const updates = select("#updates", HTMLElement);
const pause = select("button", HTMLButtonElement, updates);
const state = select("[role=status]", HTMLElement, updates);
const deadLetters = new DeadLetters(live, refresh);
/** @type {Promise<void> | undefined} */
let refreshing;

/** Replace what has changed. A call during another one waits for it, then starts again. */
async function refresh() {
  await refreshing;
  refreshing = load();
  await refreshing;
  refreshing = undefined;
}

async function load() {
  try {
    const received = await fetchDocument(`/ops/live${location.search}`);
    DeadLetters.prepare(received);
    // Selected dead letters stay on the page until the user has changed them.
    select("#letters", HTMLElement, live).toggleAttribute("data-keep", deadLetters.isInUse);
    merge(live, received.body);
    state.textContent = "";
  } catch (error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    state.textContent = _("Not updated: %(reason)s", { reason: error.message });
  } finally {
    select("#letters", HTMLElement, live).removeAttribute("data-keep");
  }
}

function refreshIfVisible() {
  if (!document.hidden && pause.getAttribute("aria-pressed") === "false" && !refreshing) {
    refresh();
  }
}

DeadLetters.prepare(live);
pause.hidden = false;
pause.addEventListener("click", () => {
  pause.setAttribute("aria-pressed", String(pause.getAttribute("aria-pressed") === "false"));
});
select("a", HTMLAnchorElement, updates).addEventListener("click", (event) => {
  event.preventDefault();
  refresh();
});
document.addEventListener("visibilitychange", refreshIfVisible);
document.addEventListener("session-started", refreshIfVisible);
setInterval(refreshIfVisible, REFRESH_MS);
