/**
 * Shows the list of images.
 */

import { url } from "../api.js";
import { gettext as _ } from "../i18n.js";
import { isFollowed, isUnsent } from "./items.js";
import { describeFault, describeState, formatBytes } from "./texts.js";

/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./items.js").State} State */

/** @type {Partial<Record<State, string>>} */
const BADGES = { stored: "good", failed: "bad", refused: "bad" };

/**
 * @typedef {object} Actions
 * @property {(id: string) => Blob | undefined} findFile
 * @property {(item: Item) => boolean} canRetry
 * @property {(id: string, description: string) => void} describe
 * @property {(id: string) => void} choose an image for the preview
 * @property {(id: string) => void} retry
 * @property {(id: string) => void} remove
 * @property {(id: string) => void} saveReceipt
 */

export class ItemList {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #list;
  #template;
  #actions;

  /**
   * @param {HTMLElement} list
   * @param {HTMLTemplateElement} template
   * @param {Actions} actions
   */
  constructor(list, template, actions) {
    this.#list = list;
    this.#template = template;
    this.#actions = actions;
  }

  /** @param {Item} item */
  show(item) {
    let row = this.#rows.get(item.id);
    if (!row) {
      const element = /** @type {HTMLElement} */ (document.importNode(this.#template.content, true).firstElementChild);
      row = new Row(element, item, this.#actions);
      this.#rows.set(item.id, row);
      this.#list.append(element);
    }
    row.show(item);
  }

  /**
   * @param {string} id
   * @param {number} sent from 0 to 1
   */
  showProgress(id, sent) {
    this.#rows.get(id)?.showProgress(sent);
  }

  /** @param {string} id */
  hide(id) {
    const row = this.#rows.get(id);
    this.#rows.delete(id);
    row?.remove();
  }

  /**
   * Mark the image of the preview.
   *
   * @param {string | null} id
   */
  markChosen(id) {
    for (const [other, row] of this.#rows) {
      row.markChosen(other === id);
    }
  }

  /**
   * Show what is wrong with the description of an image, and focus it.
   *
   * @param {string} id
   * @param {string} fault
   */
  showFault(id, fault) {
    this.#rows.get(id)?.showFault(fault);
  }

  /**
   * Show the descriptions as placeholders that images without their own get.
   *
   * @param {string} description
   */
  showCommon(description) {
    for (const row of this.#rows.values()) {
      row.showCommon(description);
    }
  }
}

class Row {
  #element;
  #image;
  #input;
  #fault;
  #progress;
  #actions;

  /**
   * @param {HTMLElement} element
   * @param {Item} item
   * @param {Actions} actions
   */
  constructor(element, item, actions) {
    this.#element = element;
    this.#actions = actions;
    this.#image = /** @type {HTMLImageElement} */ (element.querySelector("img"));
    this.#input = /** @type {HTMLTextAreaElement} */ (element.querySelector("textarea"));
    this.#fault = /** @type {HTMLElement} */ (element.querySelector(".fault"));
    this.#progress = /** @type {HTMLProgressElement} */ (element.querySelector("progress"));
    this.#find(".file-name").textContent = item.name;
    this.#find(".file-size").textContent = formatBytes(item.size, document.documentElement.lang);
    this.#fault.id = `fault-${item.id}`;
    this.#input.setAttribute("aria-label", _("Description of %(name)s", { name: item.name }));
    this.#input.setAttribute("aria-describedby", this.#fault.id);
    this.#progress.setAttribute("aria-label", _("Upload of %(name)s", { name: item.name }));
    this.#input.addEventListener("input", () => {
      this.#setFault("");
      actions.describe(item.id, this.#input.value);
    });
    this.#input.addEventListener("focus", () => actions.choose(item.id));
    this.#listen(".choose", _("Preview %(name)s", { name: item.name }), () => actions.choose(item.id));
    this.#listen(".retry", _("Retry %(name)s", { name: item.name }), () => actions.retry(item.id));
    this.#listen(".receipt", _("Download the receipt of %(name)s", { name: item.name }), () =>
      actions.saveReceipt(item.id),
    );
    this.#listen(".remove", _("Remove %(name)s", { name: item.name }), () => actions.remove(item.id));
    const file = actions.findFile(item.id);
    if (file) {
      this.#image.src = URL.createObjectURL(file);
    }
    this.#image.addEventListener("error", () => {
      this.#image.hidden = true; // a damaged photo
    });
  }

  /** @param {Item} item */
  show(item) {
    const isDraft = item.state === "draft";
    const badge = this.#find(".badge");
    badge.textContent = describeState(item.state);
    badge.className = `badge ${BADGES[item.state] ?? ""}`;
    this.#element.dataset.state = item.state;
    this.#input.hidden = !isDraft;
    if (this.#input.value !== item.description) {
      this.#input.value = item.description;
    }
    const text = this.#find(".text");
    text.textContent = isDraft ? "" : item.description;
    text.hidden = isDraft;
    this.#progress.hidden = item.state !== "sending";
    if (item.state === "sending") {
      this.#progress.value = 0;
    }
    this.#toggle(".receipt", Boolean(item.receipt));
    this.#toggle(".retry", this.#actions.canRetry(item));
    this.#toggle(".remove", !(isUnsent(item) || isFollowed(item)));
    if (!isDraft) {
      this.#setFault(item.fault ? describeFault(item.fault) : "", item.fault?.detail);
    }
    if (item.state === "stored" && item.imageId) {
      this.#showStored(item, item.imageId);
    }
  }

  /** @param {number} sent */
  showProgress(sent) {
    this.#progress.value = sent;
  }

  /** @param {boolean} isChosen */
  markChosen(isChosen) {
    this.#find(".choose").setAttribute("aria-pressed", String(isChosen));
    this.#element.classList.toggle("chosen", isChosen);
  }

  /** @param {string} fault */
  showFault(fault) {
    this.#setFault(fault);
    this.#input.focus();
  }

  /** @param {string} description */
  showCommon(description) {
    this.#input.placeholder = description.trim() || _("The description of all images");
  }

  remove() {
    URL.revokeObjectURL(this.#image.src);
    this.#element.remove();
  }

  /**
   * Link to the image, and show its thumbnail.
   *
   * @param {Item} item
   * @param {string} imageId
   */
  #showStored(item, imageId) {
    const link = /** @type {HTMLAnchorElement} */ (this.#find(".open"));
    if (!link.hidden) {
      return;
    }
    link.href = url(`/images/${imageId}`);
    link.textContent = item.name;
    link.hidden = false;
    this.#find(".file-name").hidden = true;
    this.#find(".choose").hidden = true;
    const picture = /** @type {HTMLAnchorElement} */ (this.#find(".result"));
    picture.href = link.href;
    picture.hidden = false;
    URL.revokeObjectURL(this.#image.src);
    this.#image.src = url(`/api/images/${imageId}/thumbnail`);
    picture.append(this.#image);
  }

  /**
   * @param {string} fault
   * @param {string} [detail] of the server, in English
   */
  #setFault(fault, detail) {
    this.#fault.textContent = fault;
    if (detail && detail !== fault) {
      const reason = document.createElement("span");
      reason.lang = "en";
      reason.textContent = detail;
      this.#fault.append(" ", reason);
    }
    this.#fault.hidden = !fault;
    this.#input.setAttribute("aria-invalid", String(Boolean(fault)));
  }

  /**
   * @param {string} selector
   * @param {string} label
   * @param {() => void} action
   */
  #listen(selector, label, action) {
    const button = this.#find(selector);
    button.setAttribute("aria-label", label);
    button.title = label;
    button.addEventListener("click", action);
  }

  /**
   * @param {string} selector
   * @param {boolean} isVisible
   */
  #toggle(selector, isVisible) {
    this.#find(selector).hidden = !isVisible;
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.#element.querySelector(selector));
  }
}
