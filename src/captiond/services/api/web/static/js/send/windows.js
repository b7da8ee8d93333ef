/**
 * Finds out which windows of this browser are open, so that the lists of closed ones can be continued.
 */

import { makeId } from "./items.js";
import { readSession, writeSession } from "./session.js";

const STORAGE_KEY = "captiond-send-window";
// Open windows answer within milliseconds. If one answers late, its list is shown in both windows, and each image is
// still archived once, because both send the same Idempotency-Key.
const REPLIES_MS = 400;

export class OpenWindows {
  #channel;
  /** The id of this window. It survives a reload. */
  id = readSession(STORAGE_KEY) ?? makeId();

  /** @param {string} name of the application, the same in all windows */
  constructor(name) {
    this.#channel = new BroadcastChannel(name);
    this.#channel.addEventListener("message", ({ data }) => {
      if (data.ask) {
        this.#channel.postMessage({ open: this.id });
      }
    });
  }

  /**
   * Return the ids of other open windows. A duplicated tab has the id of its original, and gets a new one.
   *
   * @returns {Promise<Set<string>>}
   */
  async findOthers() {
    /** @type {Set<string>} */
    const others = new Set();
    /** @param {MessageEvent} event */
    const listen = ({ data }) => {
      if (data.open) {
        others.add(data.open);
      }
    };
    this.#channel.addEventListener("message", listen);
    this.#channel.postMessage({ ask: true });
    await new Promise((resolve) => setTimeout(resolve, REPLIES_MS));
    this.#channel.removeEventListener("message", listen);
    if (others.has(this.id)) {
      this.id = makeId();
    }
    return others;
  }

  /** Keep the id for a reload. */
  remember() {
    writeSession(STORAGE_KEY, this.id);
  }
}
