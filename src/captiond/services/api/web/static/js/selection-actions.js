/**
 * What the archive view does with the selected images: export, hold, release and delete.
 */

import { ApiError, url } from "./api.js";
import { changeImages } from "./changes.js";
import { ask } from "./dialogs.js";
import { download } from "./downloads.js";
import { select } from "./elements.js";
import { gettext as _, ngettext } from "./i18n.js";

/** @typedef {import("./changes.js").Action} Action */
/** @typedef {import("./changes.js").Failure} Failure */
/** @typedef {import("./selection.js").Selection} Selection */

// The API accepts as many ids in one request.
const MAX_EXPORTED = 200;

export class SelectionActions {
  #isChanging = false;

  /**
   * @param {Selection} selection
   * @param {HTMLElement} bar with the buttons
   * @param {HTMLElement} panel shows progress and results
   */
  constructor(selection, bar, panel) {
    this.selection = selection;
    this.panel = panel;
    bar.addEventListener("click", (event) => {
      const action = /** @type {HTMLElement} */ (event.target).closest("button")?.dataset.change;
      if (action === "export") {
        void this.#export();
      } else if (action && !this.#isChanging) {
        void this.#change(/** @type {Action} */ (action));
      }
    });
  }

  get #count() {
    const { size } = this.selection.selected;
    return ngettext("%(count)s image selected", "%(count)s images selected", size);
  }

  async #export() {
    const ids = [...this.selection.selected.keys()];
    if (ids.length > MAX_EXPORTED) {
      this.#report(
        _("A selection of at most %(limit)s images can be exported. “Export” above the list exports all that match.", {
          limit: MAX_EXPORTED,
        }),
      );
      return;
    }
    const fields = await ask("export", this.#count);
    if (fields) {
      const query = new URLSearchParams(ids.map((id) => ["id", id]));
      if (fields.has("originals")) {
        query.set("originals", "true");
      }
      download(url(`/api/export.zip?${query}`));
    }
  }

  /** @param {Action} action */
  async #change(action) {
    const selected = new Map(this.selection.selected);
    const fields = selected.size > 0 ? await ask(action, this.#count) : null;
    if (!fields) {
      return;
    }
    this.#isChanging = true;
    const stopping = new AbortController();
    const bar = select("progress", HTMLProgressElement, this.panel);
    select("button", HTMLButtonElement, this.panel).onclick = () => stopping.abort();
    this.#report(_("Working…"));
    bar.max = selected.size;
    bar.value = 0;
    select(".progress", HTMLElement, this.panel).hidden = false;
    /** @type {string[]} */
    let changed = [];
    /** @type {Failure[]} */
    let failed = [];
    let interruption = "";
    try {
      const reason = String(fields.get("reason") ?? "").trim();
      for await (const progress of changeImages(action, selected.keys(), reason, stopping.signal)) {
        ({ changed, failed } = progress);
        bar.value = progress.done;
      }
      interruption = stopping.signal.aborted ? _("Stopped.") : "";
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      interruption = _("Interrupted: %(reason)s", { reason: error.message });
    } finally {
      this.#isChanging = false;
    }
    select(".progress", HTMLElement, this.panel).hidden = true;
    this.selection.apply(action, changed);
    this.#report([describe(action, changed.length, failed.length), interruption].filter(Boolean).join(" "));
    const names = failed.map((failure) => describeFailure(failure, selected.get(failure.id)?.description ?? ""));
    select("ul", HTMLUListElement, this.panel).replaceChildren(...names);
  }

  /** Show a result, and focus it, because the button that was used may be gone. @param {string} text */
  #report(text) {
    this.panel.hidden = false;
    select("ul", HTMLUListElement, this.panel).replaceChildren();
    const place = select("[role=status]", HTMLElement, this.panel);
    place.textContent = text;
    this.panel.focus();
  }
}

/**
 * @param {Action} action
 * @param {number} changed
 * @param {number} failed
 */
function describe(action, changed, failed) {
  const texts = {
    hold: ngettext("%(count)s image is held.", "%(count)s images are held.", changed),
    release: ngettext("%(count)s image is released.", "%(count)s images are released.", changed),
    delete: ngettext("%(count)s image is deleted.", "%(count)s images are deleted.", changed),
  };
  const faults = ngettext("%(count)s image was not changed:", "%(count)s images were not changed:", failed);
  return failed ? `${texts[action]} ${faults}` : texts[action];
}

/**
 * @param {Failure} failure
 * @param {string} description
 */
function describeFailure({ id, type, reason }, description) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = url(`/images/${id}`);
  link.textContent = description || id;
  const text = document.createElement("span");
  const translated = describeProblem(type);
  text.textContent = translated ?? reason;
  text.lang = translated ? document.documentElement.lang : "en";
  item.append(link, ": ", text);
  return item;
}

/** @param {string} type of a problem */
function describeProblem(type) {
  switch (type) {
    case "image-held":
      return _("A legal hold prevents the deletion of this image.");
    case "image-deleted":
      return _("This image was deleted.");
    case "missing-scope":
      return _("Your API key does not allow it.");
    default:
      return null;
  }
}
