/**
 * Shows a photo with its caption, which the server draws as a captioner does.
 */

import { ApiError, readBlob, request } from "../api.js";
import { gettext as _ } from "../i18n.js";
import { describeFault } from "./texts.js";

const DELAY_MS = 250;
const RETRY_MS = 2000;

/**
 * @typedef {object} Subject
 * @property {string} name of the file
 * @property {Blob} file
 * @property {string} description
 * @property {string} fault why the description is invalid, or empty
 * @property {import("./items.js").Fields} fields
 */

export class Preview {
  /** @type {Blob | null} */
  #file = null;
  /** @type {Subject | null} */
  #subject = null;
  #shown = "";
  #width = 0;
  #timer = 0;
  #aborter = new AbortController();
  #figure;
  #photo;
  #strip;
  #caption;

  /** @param {HTMLElement} figure with images of the classes `photo` and `strip`, and a `figcaption` */
  constructor(figure) {
    this.#figure = figure;
    this.#photo = /** @type {HTMLImageElement} */ (figure.querySelector(".photo"));
    this.#strip = /** @type {HTMLImageElement} */ (figure.querySelector(".strip"));
    this.#caption = /** @type {HTMLElement} */ (figure.querySelector("figcaption"));
  }

  /**
   * Show a photo, or nothing.
   *
   * @param {Subject | null} subject
   */
  show(subject) {
    this.#subject = subject;
    this.#figure.hidden = subject === null;
    if (!subject) {
      this.#abort();
      this.#file = null;
      replaceSource(this.#photo, null);
      this.#clearStrip("");
      return;
    }
    if (subject.file !== this.#file) {
      this.#file = subject.file;
      void this.#loadPhoto(subject.file);
    } else if (this.#width > 0) {
      this.#schedule(DELAY_MS);
    }
  }

  /** @param {Blob} file */
  async #loadPhoto(file) {
    this.#abort();
    this.#width = 0;
    this.#clearStrip("");
    replaceSource(this.#photo, file);
    try {
      await this.#photo.decode();
    } catch {
      if (this.#file === file) {
        this.#caption.textContent = _("The browser cannot show this photo.");
      }
      return;
    }
    if (this.#file === file) {
      this.#width = this.#photo.naturalWidth; // after the Exif orientation
      const ratio = this.#photo.naturalWidth / this.#photo.naturalHeight;
      this.#photo.parentElement?.style.setProperty("--ratio", ratio.toFixed(4));
      this.#schedule(0);
    }
  }

  /** @param {number} delay */
  #schedule(delay) {
    if (!this.#subject) {
      return;
    }
    const { description, fault, fields } = this.#subject;
    const body = JSON.stringify({ description, width: this.#width, ...fields });
    if (body === this.#shown && !this.#timer) {
      return;
    }
    this.#abort();
    if (fault) {
      this.#clearStrip(description.trim() ? fault : _("The caption appears here when there is a description."));
      return;
    }
    this.#timer = setTimeout(() => this.#load(body), delay);
  }

  /** @param {string} body */
  async #load(body) {
    this.#timer = 0;
    this.#aborter = new AbortController();
    const { signal } = this.#aborter;
    try {
      const headers = { "Content-Type": "application/json", Accept: "image/png" };
      const png = await request("/api/preview", readBlob, { method: "POST", headers, body, signal });
      if (!signal.aborted) {
        replaceSource(this.#strip, png);
        this.#shown = body;
        this.#strip.alt = _("Caption: %(text)s", { text: this.#subject?.description ?? "" });
        this.#caption.textContent = this.#subject?.name ?? "";
      }
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      if (!(error instanceof ApiError)) {
        throw error;
      }
      this.#fail(error, body);
    }
  }

  /**
   * @param {ApiError} error
   * @param {string} body
   */
  #fail(error, body) {
    if (error.status === 429) {
      this.#timer = setTimeout(() => this.#load(body), Math.max(RETRY_MS, (error.retryAfterSeconds ?? 0) * 1000));
      return;
    }
    this.#clearStrip(
      _("No preview: %(reason)s", { reason: describeFault({ type: error.type, detail: error.message }) }),
    );
  }

  #abort() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#aborter.abort();
  }

  /** @param {string} reason */
  #clearStrip(reason) {
    this.#shown = "";
    replaceSource(this.#strip, null);
    this.#caption.textContent = reason || (this.#subject?.name ?? "");
  }
}

/**
 * Show other contents in an image, and free the former.
 *
 * @param {HTMLImageElement} image
 * @param {Blob | null} blob
 */
function replaceSource(image, blob) {
  if (image.src) {
    URL.revokeObjectURL(image.src);
  }
  image.hidden = blob === null;
  if (blob) {
    image.src = URL.createObjectURL(blob);
  } else {
    image.removeAttribute("src");
  }
}
