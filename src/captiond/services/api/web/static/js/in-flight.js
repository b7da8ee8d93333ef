/**
 * The view of an image that is not archived yet: follows its status, and shows the image when it is archived.
 */

import { ApiError, readJson, request } from "./api.js";
import { followEvents } from "./events.js";
import { gettext as _ } from "./i18n.js";

// Should the stream of events be unavailable.
const POLL_MS = 5000;

const notice = /** @type {HTMLElement} */ (document.querySelector("#in-flight"));
const id = notice.dataset.id ?? "";
const text = /** @type {HTMLElement} */ (notice.querySelector("strong"));

/** @param {string} status */
function show(status) {
  if (["stored", "failed", "deleted"].includes(status)) {
    location.reload();
  } else {
    text.textContent = status === "queued" ? _("Queued: waiting for its caption") : _("Captioned: being archived");
  }
}

async function poll() {
  try {
    show((await request(`/api/images/${id}/status`, readJson)).status);
  } catch (error) {
    if (error instanceof ApiError && !error.isTemporary) {
      location.reload();
    }
  }
}

followEvents(
  (change) => {
    if (change.id === id) {
      show(change.status);
    }
  },
  () => void poll(),
);
setInterval(poll, POLL_MS);
