/**
 * The form with the description and the other fields of all images.
 */

import { gettext as _ } from "../i18n.js";
import { countCharacters, findCameraFault, findDescriptionFault, findLabelsFault } from "./checks.js";
import { readSession, writeSession } from "./session.js";
import { resolveZone, toRfc3339 } from "./zones.js";

/** @typedef {import("./items.js").Fields} Fields */

const STORAGE_KEY = "captiond-send-form";

export class SendForm {
  #limits;
  #zone;
  #description;
  #camera;
  #capturedAt;
  #labels;
  #template;
  #details;

  /**
   * @param {HTMLFormElement} form
   * @param {import("./checks.js").Limits} limits
   * @param {() => void} onChange
   */
  constructor(form, limits, onChange) {
    this.#limits = limits;
    this.#zone = resolveZone(form.dataset.zone);
    this.#description = /** @type {HTMLTextAreaElement} */ (form.querySelector("#description"));
    this.#camera = /** @type {HTMLInputElement} */ (form.querySelector("#camera"));
    this.#capturedAt = /** @type {HTMLInputElement} */ (form.querySelector("#captured-at"));
    this.#labels = /** @type {HTMLElement} */ (form.querySelector("#labels"));
    this.#template = /** @type {HTMLTemplateElement} */ (form.querySelector("#label-template"));
    this.#details = /** @type {HTMLDetailsElement} */ (form.querySelector("details"));
    const zoneName = form.querySelector("#zone");
    if (zoneName) {
      zoneName.textContent = this.#zone;
    }
    form.querySelector("#add-label")?.addEventListener("click", () => this.#addLabel("", "").focus());
    this.#restore();
    form.addEventListener("input", () => {
      this.#save();
      this.#showCounter();
      this.#recheck();
      onChange();
    });
    this.#showCounter();
  }

  /** The description as it was typed. */
  get description() {
    return this.#description.value;
  }

  /**
   * The valid fields of all images. Invalid ones are left out.
   *
   * @returns {Fields}
   */
  get fields() {
    /** @type {Fields} */
    const fields = {};
    const camera = this.#camera.value.trim();
    if (camera && !findCameraFault(camera, this.#limits)) {
      fields.camera = camera;
    }
    if (this.#capturedAt.value) {
      fields.captured_at = toRfc3339(this.#capturedAt.value, this.#zone);
    }
    const labels = this.#readLabels();
    if (labels.length > 0 && !findLabelsFault(labels, this.#limits)) {
      fields.labels = Object.fromEntries(labels);
    }
    return fields;
  }

  /**
   * Check all fields, show what is wrong, and focus the first invalid one.
   *
   * @param {boolean} needsDescription whether an image has no description of its own
   * @returns {boolean} whether all are valid
   */
  check(needsDescription) {
    const invalid = [
      needsDescription && showFault(this.#description, findDescriptionFault(this.description, this.#limits)),
      showFault(this.#camera, findCameraFault(this.#camera.value, this.#limits)),
      // The browser has an empty value for an incomplete time.
      showFault(this.#capturedAt, this.#capturedAt.validity.badInput ? _("Enter date and time.") : ""),
      showFault(this.#labels, findLabelsFault(this.#readLabels(), this.#limits)),
    ].find((element) => element);
    if (!invalid) {
      return true;
    }
    if (invalid !== this.#description) {
      this.#details.open = true;
    }
    (invalid.querySelector("input") ?? invalid).focus();
    return false;
  }

  /** Remove the faults that no longer apply. */
  #recheck() {
    for (const element of [this.#description, this.#camera, this.#capturedAt, this.#labels]) {
      if (element.getAttribute("aria-invalid") === "true") {
        showFault(element, "");
      }
    }
  }

  #showCounter() {
    const counter = document.querySelector("#description-count");
    const count = countCharacters(this.description);
    if (counter) {
      counter.textContent = `${count} / ${this.#limits.maxDescription}`;
      counter.classList.toggle("bad", count > this.#limits.maxDescription);
    }
  }

  /**
   * Rows without name and value are ignored.
   *
   * @returns {Array<[string, string]>}
   */
  #readLabels() {
    return [...this.#labels.children].flatMap((row) => {
      const [name = "", value = ""] = [...row.querySelectorAll("input")].map((input) => input.value);
      return name.trim() || value ? [[name.trim(), value]] : [];
    });
  }

  /**
   * @param {string} name
   * @param {string} value
   * @returns {HTMLInputElement} the input of the name
   */
  #addLabel(name, value) {
    const row = /** @type {HTMLElement} */ (document.importNode(this.#template.content, true).firstElementChild);
    const inputs = [...row.querySelectorAll("input")];
    for (const [position, text] of [name, value].entries()) {
      const input = inputs[position];
      if (input) {
        input.value = text;
      }
    }
    row.querySelector("button")?.addEventListener("click", () => {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (
        next?.querySelector("button") ?? /** @type {HTMLElement | null} */ (document.querySelector("#add-label"))
      )?.focus();
      this.#labels.dispatchEvent(new Event("input", { bubbles: true }));
    });
    this.#labels.append(row);
    return /** @type {HTMLInputElement} */ (inputs[0]);
  }

  #save() {
    const values = {
      description: this.description,
      camera: this.#camera.value,
      capturedAt: this.#capturedAt.value,
      labels: this.#readLabels(),
    };
    writeSession(STORAGE_KEY, JSON.stringify(values));
  }

  #restore() {
    const stored = readSession(STORAGE_KEY);
    if (!stored) {
      return;
    }
    const { description, camera, capturedAt, labels } = JSON.parse(stored);
    // The user may have typed already, and some browsers restore values themselves.
    this.#description.value ||= description;
    this.#camera.value ||= camera;
    this.#capturedAt.value ||= capturedAt;
    for (const [name, value] of labels) {
      this.#addLabel(name, value);
    }
    this.#details.open = Boolean(camera || capturedAt || labels.length > 0);
  }
}

/**
 * Show or remove the fault of a field in the element that its `aria-describedby` names last.
 *
 * @param {HTMLElement} element
 * @param {string} fault
 * @returns {HTMLElement | null} the element, if it has a fault
 */
export function showFault(element, fault) {
  const id = element.getAttribute("aria-describedby")?.split(" ").at(-1) ?? "";
  const place = document.getElementById(id);
  if (place) {
    place.textContent = fault;
    place.hidden = !fault;
  }
  element.setAttribute("aria-invalid", String(Boolean(fault)));
  return fault ? element : null;
}
