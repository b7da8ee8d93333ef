/**
 * The images of the list, and their states.
 *
 * draft → waiting → sending → queued → captioned → stored
 *                      ↓         ↓         ↓
 *                   refused    failed    failed
 */

import { may } from "../api.js";

/** @typedef {"draft" | "waiting" | "sending" | "queued" | "captioned" | "stored" | "failed" | "refused"} State */
/** @typedef {"queued" | "captioned" | "stored" | "failed"} ServerState */

/**
 * @typedef {object} Fields
 * @property {string} [camera]
 * @property {string} [captured_at] RFC 3339
 * @property {Record<string, string>} [labels]
 */

/**
 * @typedef {object} Fault
 * @property {string} type of the problem document, or `failed`
 * @property {string} detail in English
 */

/**
 * One image. All properties can be stored in IndexedDB. The file is stored separately.
 *
 * @typedef {object} Item
 * @property {string} id in this list
 * @property {string} owner id of the window
 * @property {number} position in the list
 * @property {string} name of the file
 * @property {number} size in bytes
 * @property {string} description empty: the common description, until it is sent
 * @property {Fields} fields
 * @property {State} state
 * @property {string} key Idempotency-Key
 * @property {string} [imageId]
 * @property {string} [receipt] signed by the server (compact JWS), if it has a signing key
 * @property {Fault} [fault]
 * @property {number} changedAt milliseconds since 1970
 */

/** @typedef {Record<State, number>} Counts */

/** @type {ReadonlySet<State>} */
const IN_FLIGHT = new Set(["queued", "captioned"]);
/** @type {ReadonlySet<State>} */
const RETRYABLE = new Set(["failed", "refused"]);
const ORDER = ["queued", "captioned", "stored"];

/** @param {Pick<Item, "state">} item */
export function isInFlight(item) {
  return IN_FLIGHT.has(item.state);
}

/** Whether the state will change. Without the scope `read`, nothing shows it. @param {Pick<Item, "state">} item */
export function isFollowed(item) {
  return isInFlight(item) && may("read");
}

/** @param {Pick<Item, "state">} item */
export function isRetryable(item) {
  return RETRYABLE.has(item.state);
}

/** @param {Pick<Item, "state">} item */
export function isUnsent(item) {
  return item.state === "waiting" || item.state === "sending";
}

/**
 * Whether a reported state is newer than the state of the item: reports can arrive late and in any order.
 *
 * @param {State} current
 * @param {ServerState} reported
 */
export function isProgress(current, reported) {
  if (current === "stored" || current === reported) {
    return false;
  }
  // The operator can redrive a failed image.
  return reported === "failed" || current === "failed" || ORDER.indexOf(reported) > ORDER.indexOf(current);
}

/**
 * @param {Iterable<Pick<Item, "state">>} items
 * @returns {Counts}
 */
export function countStates(items) {
  const counts = { draft: 0, waiting: 0, sending: 0, queued: 0, captioned: 0, stored: 0, failed: 0, refused: 0 };
  for (const { state } of items) {
    counts[state] += 1;
  }
  return counts;
}

/** Return a random UUID. `crypto.randomUUID` exists only over HTTPS and on this machine. */
export function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
