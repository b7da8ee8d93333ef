/**
 * Holds, releases and deletes any number of images: one request per image, so that one that fails stops no other.
 */

import { ApiError, request } from "./api.js";

/** @typedef {"hold" | "release" | "delete"} Action */
/** @typedef {{id: string, type: string, reason: string}} Failure */
/** @typedef {(seconds: number, signal: AbortSignal) => Promise<unknown>} Wait */
/** @typedef {{changed: string[], failed: Failure[], done: number}} Progress */

const ATTEMPTS = 5;
const DEFAULT_WAIT_SECONDS = 2;
const METHODS = { hold: "PUT", release: "DELETE", delete: "DELETE" };

/**
 * Change images in order. Yields the sums after each, until all are done or the signal stops it. Throws ApiError if the
 * session has ended or the server does not answer for several attempts.
 *
 * @param {Action} action
 * @param {Iterable<string>} ids
 * @param {string} reason
 * @param {AbortSignal} signal
 * @param {(path: string, options: RequestInit) => Promise<unknown>} [send]
 * @param {Wait} [wait]
 * @returns {AsyncGenerator<Progress>}
 */
export async function* changeImages(action, ids, reason, signal, send = sendChange, wait = sleep) {
  /** @type {Progress} */
  const progress = { changed: [], failed: [], done: 0 };
  const query = reason ? `?${new URLSearchParams({ reason })}` : "";
  const part = action === "delete" ? "" : "/hold";
  for (const id of ids) {
    if (signal.aborted) {
      return;
    }
    try {
      await repeat(() => send(`/api/images/${id}${part}${query}`, { method: METHODS[action] }), signal, wait);
      progress.changed.push(id);
    } catch (error) {
      if (!(error instanceof ApiError) || error.isTemporary) {
        throw error;
      }
      if (action === "delete" && error.type === "image-deleted") {
        progress.changed.push(id); // by another client, or by an attempt whose response was lost
      } else {
        progress.failed.push({ id, type: error.type, reason: error.message });
      }
    }
    progress.done += 1;
    yield progress;
  }
}

/**
 * Repeat a request while the server is busy, until the signal stops it.
 *
 * @param {() => Promise<unknown>} attempt
 * @param {AbortSignal} signal
 * @param {Wait} wait
 */
async function repeat(attempt, signal, wait) {
  for (let number = 1; ; number += 1) {
    try {
      return await attempt();
    } catch (error) {
      const isBusy = error instanceof ApiError && [0, 429, 503].includes(error.status);
      if (!isBusy || number === ATTEMPTS || signal.aborted) {
        throw error;
      }
      await wait(error.retryAfterSeconds ?? DEFAULT_WAIT_SECONDS, signal);
    }
  }
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
function sendChange(path, options) {
  return request(path, async () => undefined, options);
}

/**
 * Wait for a time, or until the signal.
 *
 * @param {number} seconds
 * @param {AbortSignal} signal
 */
function sleep(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    const stop = () => {
      clearTimeout(timer);
      resolve(undefined);
    };
    signal.addEventListener("abort", stop, { once: true });
  });
}
