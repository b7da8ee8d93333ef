/**
 * The view of an archived image: zoom, comparison with the original, copying, and keys.
 */

import { readBlob, request } from "./api.js";
import { copy } from "./copy-buttons.js";
import { enableDialogs } from "./dialogs.js";
import { gettext as _ } from "./i18n.js";
import { rememberReturn, rememberViewed } from "./position.js";
import { enableHelp, handleKeys } from "./shortcuts.js";
import { Viewer } from "./viewer.js";

const section = /** @type {HTMLElement} */ (document.querySelector("#viewer"));
const frame = /** @type {HTMLElement} */ (section.querySelector(".viewer-frame"));
const picture = /** @type {HTMLImageElement} */ (document.querySelector("#picture"));
const message = /** @type {HTMLElement} */ (document.querySelector("#viewer-message"));
const compare = /** @type {HTMLButtonElement | null} */ (document.querySelector("#compare"));
const back = /** @type {HTMLAnchorElement} */ (document.querySelector("#back"));
const id = section.dataset.id ?? "";

/** The addresses of both pictures; that of the original is set when it is loaded. */
const sources = { captioned: picture.src, original: "" };

const viewer = new Viewer(frame, picture, (percent, isFit) => {
  const zoom = /** @type {HTMLElement} */ (document.querySelector("#zoom"));
  zoom.textContent = `${percent} %`;
  zoom.classList.toggle("muted", isFit);
});

async function toggleOriginal() {
  if (!compare || compare.disabled) {
    return;
  }
  const isShown = compare.getAttribute("aria-pressed") === "true";
  if (!isShown && !sources.original) {
    compare.disabled = true;
    message.textContent = _("Loading the original…");
    try {
      sources.original = URL.createObjectURL(await request(`/api/images/${id}/original`, readBlob));
    } catch (error) {
      message.textContent = _("The original is not available: %(reason)s", {
        reason: error instanceof Error ? error.message : String(error),
      });
      return;
    } finally {
      compare.disabled = false;
    }
  }
  picture.src = isShown ? sources.captioned : sources.original;
  compare.setAttribute("aria-pressed", String(!isShown));
  message.textContent = isShown ? _("Captioned image") : _("Original");
}

/** @param {string} rel */
function follow(rel) {
  /** @type {HTMLAnchorElement | null} */ (document.querySelector(`a.button[rel=${rel}]`))?.click();
}

/**
 * Follow a link unless the arrow scrolls a zoomed picture.
 *
 * @param {string} rel
 */
const followUnlessZoomed = (rel) => () => {
  if (viewer.scale === null) {
    follow(rel);
  }
};

/** @type {Record<string, () => void>} */
const zooms = {
  in: () => viewer.zoomIn(),
  out: () => viewer.zoomOut(),
  fit: () => viewer.zoomTo(null),
  full: () => viewer.zoomTo(1),
};

rememberViewed(id);
back.addEventListener("click", rememberReturn);
const help = enableHelp();
/** @type {HTMLElement} */ (document.querySelector("#viewer-tools")).hidden = false;
for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-zoom]"))) {
  button.addEventListener("click", () => zooms[button.dataset.zoom ?? ""]?.());
}
compare?.addEventListener("click", () => void toggleOriginal());
const copyLink = /** @type {HTMLButtonElement} */ (document.querySelector("#copy-link"));
copyLink.hidden = false;
copyLink.addEventListener("click", () => void copy(copyLink, location.origin + location.pathname));
picture.addEventListener("error", () => {
  message.textContent = _("The picture cannot be shown.");
});
enableDialogs(document.querySelector("#change"));
handleKeys({
  j: () => follow("next"),
  k: () => follow("prev"),
  ArrowRight: followUnlessZoomed("next"),
  ArrowLeft: followUnlessZoomed("prev"),
  "+": () => viewer.zoomIn(),
  "=": () => viewer.zoomIn(),
  "-": () => viewer.zoomOut(),
  0: () => viewer.zoomTo(null),
  1: () => viewer.zoomTo(1),
  o: () => void toggleOriginal(),
  u: () => back.click(),
  Escape: () => (viewer.scale === null ? back.click() : viewer.zoomTo(null)),
  "?": () => help(),
});
