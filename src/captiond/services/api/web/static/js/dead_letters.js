/**
 * The list of dead letters: loads details, asks before deletion, and shows the progress of long actions.
 */

import { ApiError, readJson, request } from "./api.js";
import { describe, readForm, runBatches } from "./batches.js";
import { select } from "./elements.js";
import { fetchDocument } from "./fragments.js";
import { gettext as _, ngettext } from "./i18n.js";

/** @typedef {import("./batches.js").Action} Action */
/** @typedef {import("./batches.js").Selection} Selection */

const number = new Intl.NumberFormat(document.documentElement.lang || "en");

export class DeadLetters {
  /**
   * @param {HTMLElement} area contains the list, which may be replaced
   * @param {() => Promise<void>} refresh replaces the list
   */
  constructor(area, refresh) {
    this.area = area;
    this.refresh = refresh;
    this.isChanging = false;
    area.addEventListener("change", (event) => this.#onChange(event));
    area.addEventListener("toggle", (event) => this.#onToggle(event), true);
    area.addEventListener("submit", (event) => this.#onSubmit(event));
  }

  /**
   * Show what works with scripts only.
   *
   * @param {ParentNode} parent
   */
  static prepare(parent) {
    parent.querySelector("#select-all")?.removeAttribute("hidden");
  }

  /** Whether dead letters are selected or being changed. */
  get isInUse() {
    return this.isChanging || this.#boxes.some((box) => box.checked);
  }

  get #boxes() {
    const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (
      this.area.querySelectorAll("#letters-form input[type=checkbox]")
    );
    return [...boxes];
  }

  /** @param {Event} event */
  #onChange({ target }) {
    if (target instanceof HTMLInputElement && target.closest("#select-all")) {
      for (const box of this.#boxes) {
        box.checked = target.checked;
      }
    }
  }

  /**
   * Load the details of a dead letter when they are opened for the first time.
   *
   * @param {Event} event
   */
  async #onToggle({ target }) {
    const link = target instanceof HTMLDetailsElement && target.open ? target.querySelector("a[data-load]") : null;
    const place = link?.parentElement;
    if (!(link instanceof HTMLAnchorElement) || !place) {
      return;
    }
    try {
      const page = await fetchDocument(link.dataset.load ?? "");
      const nodes = page.querySelector("#dead-letter")?.childNodes ?? [];
      place.replaceWith(...[...nodes].map((node) => document.importNode(node, true)));
    } catch (error) {
      place.append(" ", explain(error));
    }
  }

  /** @param {SubmitEvent} event */
  async #onSubmit(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "post") {
      return;
    }
    event.preventDefault();
    if (this.isChanging) {
      return;
    }
    const { action, selection } = readForm(new FormData(form, event.submitter));
    if (!selection) {
      this.#showResult(_("Select dead letters first."));
      return;
    }
    const total = "letters" in selection ? selection.letters.length : Number(form.dataset.total);
    if (action === "retry" || (await confirmDrop(selection, total))) {
      await this.#change(action, selection, total);
    }
  }

  /**
   * @param {Action} action
   * @param {Selection} selection
   * @param {number} total
   */
  async #change(action, selection, total) {
    this.isChanging = true;
    this.#showResult("");
    const outcome = await this.#run(action, selection, total);
    this.isChanging = false;
    for (const box of this.#boxes) {
      box.checked = false;
    }
    await this.refresh();
    this.#showResult(outcome);
  }

  /**
   * Change dead letters and show the progress until all is done or the user stops it. Returns the result as text.
   *
   * @param {Action} action
   * @param {Selection} selection
   * @param {number} total
   */
  async #run(action, selection, total) {
    const display = select("#batch", HTMLElement);
    const bar = select("progress", HTMLProgressElement, display);
    const text = select("[role=status]", HTMLElement, display);
    const stopping = new AbortController();
    select("button", HTMLButtonElement, display).onclick = () => stopping.abort();
    let outcome = _("Working…");
    text.textContent = outcome;
    bar.removeAttribute("value");
    display.hidden = false;
    try {
      for await (const progress of runBatches((body) => send(action, body), selection)) {
        outcome = describe(action, progress, number);
        text.textContent = outcome;
        if (!("all" in selection && selection.reason)) {
          bar.max = total;
          bar.value = progress.changed + progress.missing + progress.failed;
        }
        if (stopping.signal.aborted && !progress.isDone) {
          return [outcome, _("Stopped.")].join(" ");
        }
      }
      return outcome;
    } catch (error) {
      return [outcome, _("Interrupted: %(reason)s", { reason: explain(error) })].join(" ");
    } finally {
      display.hidden = true;
      text.textContent = "";
    }
  }

  /**
   * Show a result above the list, and focus it, because the button that was used may be gone.
   *
   * @param {string} text
   */
  #showResult(text) {
    const place = select("#result", HTMLElement, this.area);
    place.replaceChildren();
    if (text) {
      const notice = document.createElement("p");
      notice.className = "notice";
      notice.tabIndex = -1;
      notice.textContent = text;
      place.append(notice);
      notice.focus();
    }
  }
}

/** @param {unknown} error */
function explain(error) {
  if (error instanceof ApiError) {
    return error.message;
  }
  throw error;
}

/**
 * @param {Action} action
 * @param {Selection} body
 */
function send(action, body) {
  return request(`/api/dead-letters/${action}`, readJson, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

/**
 * Ask before dead letters are deleted.
 *
 * @param {Selection} selection
 * @param {number} total
 * @returns {Promise<boolean>}
 */
function confirmDrop(selection, total) {
  const dialog = select("#confirm-drop", HTMLDialogElement);
  select("#confirm-drop-text", HTMLElement).textContent =
    "all" in selection && selection.reason
      ? _("All dead letters with “%(reason)s” in their error are selected.", { reason: selection.reason })
      : ngettext("%(number)s dead letter is selected.", "%(number)s dead letters are selected.", total, {
          number: number.format(total),
        });
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "drop"), { once: true });
  });
}
