/**
 * Follows the states of images: by server-sent events, and by polling while there are none.
 */

import { ApiError, readJson, request, url } from "../api.js";

/** @typedef {import("./items.js").ServerState} ServerState */
/** @typedef {import("./items.js").Fault} Fault */

const STATES = new Set(["queued", "captioned", "stored", "failed"]);
const POLL_MS = 1500;
const MAX_POLL_MS = 12_000;
// With events, polling only finds changes whose events were lost.
const CHECK_MS = 12_000;
const POLLED_AT_ONCE = 20;
const REOPEN_MS = 10_000;
// The events of other clients are received too.
const REMEMBERED = 2000;

/**
 * @param {unknown} value
 * @returns {value is ServerState}
 */
export function isServerState(value) {
  return STATES.has(String(value));
}

export class StateFollower {
  /** @type {EventSource | null} */
  #events = null;
  #reopenAt = 0;
  #timer = 0;
  #failures = 0;
  #polling = false;
  /** @type {Map<string, ServerState>} */
  #recent = new Map();
  /** @type {string[]} */
  #order = [];
  #listPending;
  #isListed;
  #onState;

  /**
   * @param {object} options
   * @param {() => {uploads: number, ids: string[]}} options.listPending the number of uploads, and the ids of accepted images
   * @param {(id: string) => boolean} options.isListed whether the list has an image
   * @param {(id: string, state: ServerState, fault?: Fault) => void} options.onState
   */
  constructor({ listPending, isListed, onState }) {
    this.#listPending = listPending;
    this.#isListed = isListed;
    this.#onState = onState;
  }

  /** Start or end following, as the list requires. Call it after each change of the list. */
  update() {
    const { uploads, ids } = this.#listPending();
    if (uploads + ids.length === 0) {
      this.#stop();
      return;
    }
    if (!this.#events && Date.now() >= this.#reopenAt) {
      this.#open();
    }
    if (!this.#timer && !this.#polling) {
      this.#schedule();
    }
  }

  /**
   * Return the last state of an image if it was reported before its upload was confirmed.
   *
   * @param {string} id
   */
  findRecent(id) {
    return this.#recent.get(id);
  }

  /** Ask for the states of all images soon. */
  pollSoon() {
    this.#failures = 0;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#poll(), 0);
  }

  #stop() {
    this.#events?.close();
    this.#events = null;
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /** A browser has six connections per server over HTTP/1.1, so a stream is open only while it is needed. */
  #open() {
    const events = new EventSource(url("/api/events"));
    this.#events = events;
    events.addEventListener("open", () => this.pollSoon());
    events.addEventListener("status", ({ data }) => this.#receive(JSON.parse(data)));
    events.addEventListener("error", () => {
      // The browser reconnects with Last-Event-ID, unless the server answered with an error.
      if (events.readyState === EventSource.CLOSED && this.#events === events) {
        this.#events = null;
        this.#reopenAt = Date.now() + REOPEN_MS;
      }
      this.#schedule();
    });
  }

  /** @param {{id: string, status: unknown}} event */
  #receive({ id, status }) {
    if (!isServerState(status)) {
      return;
    }
    this.#recent.delete(id);
    this.#recent.set(id, status);
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= REMEMBERED) {
        break;
      }
      this.#recent.delete(oldest);
    }
    if (!this.#isListed(id)) {
      return;
    }
    if (status === "failed") {
      void this.#ask(id).catch(ignoreTemporary); // events have no reason
    } else {
      this.#onState(id, status);
    }
  }

  #schedule() {
    clearTimeout(this.#timer);
    const isOpen = this.#events?.readyState === EventSource.OPEN;
    const delay = isOpen ? CHECK_MS : Math.min(MAX_POLL_MS, POLL_MS * 2 ** this.#failures);
    this.#timer = setTimeout(() => this.#poll(), delay);
  }

  async #poll() {
    this.#timer = 0;
    if (this.#polling) {
      return;
    }
    this.#polling = true;
    try {
      for (const id of this.#choose()) {
        await this.#ask(id);
      }
      this.#failures = 0;
    } catch (error) {
      ignoreTemporary(error);
      this.#failures += 1;
    } finally {
      this.#polling = false;
    }
    this.update();
  }

  /** Return the next ids in turn. */
  #choose() {
    const ids = new Set(this.#listPending().ids);
    const known = this.#order.filter((id) => ids.has(id));
    const added = [...ids].filter((id) => !known.includes(id));
    const order = [...known, ...added];
    const chosen = order.slice(0, POLLED_AT_ONCE);
    this.#order = [...order.slice(POLLED_AT_ONCE), ...chosen];
    return chosen;
  }

  /** @param {string} id */
  async #ask(id) {
    let answer;
    try {
      answer = await request(`/api/images/${id}/status`, readJson);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) {
        this.#onState(id, "failed", { type: error.type, detail: error.message });
        return;
      }
      throw error;
    }
    if (isServerState(answer.status)) {
      this.#onState(id, answer.status, { type: "failed", detail: String(answer.error ?? "") });
    }
  }
}

/** @param {unknown} error */
function ignoreTemporary(error) {
  if (!(error instanceof ApiError)) {
    throw error;
  }
}
