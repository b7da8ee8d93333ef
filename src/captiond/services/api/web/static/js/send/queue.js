/**
 * Uploads images in parallel. While the server is unavailable, it waits and retries with one upload.
 */

import { ApiError } from "../api.js";

const FIRST_PAUSE_SECONDS = 1;
const MAX_PAUSE_SECONDS = 30;

export class UploadQueue {
  /** @type {string[]} */
  #waiting = [];
  #active = 0;
  #failures = 0;
  /** @type {unknown} */
  #timer = null;
  #upload;
  #onPause;
  #parallel;
  #setTimer;
  #clearTimer;

  /**
   * @param {object} options
   * @param {(id: string) => Promise<void>} options.upload throws a temporary ApiError to be called again for this id
   * @param {(error: ApiError | null) => void} options.onPause called with the reason of a pause, and with null at its end
   * @param {number} [options.parallel]
   * @param {(callback: () => void, milliseconds: number) => unknown} [options.setTimer]
   * @param {(timer: any) => void} [options.clearTimer]
   */
  constructor({
    upload,
    onPause,
    parallel = 3,
    setTimer = (callback, milliseconds) => setTimeout(callback, milliseconds),
    clearTimer = (timer) => clearTimeout(timer),
  }) {
    this.#upload = upload;
    this.#onPause = onPause;
    this.#parallel = parallel;
    this.#setTimer = setTimer;
    this.#clearTimer = clearTimer;
  }

  /** @param {string[]} ids */
  add(...ids) {
    this.#waiting.push(...ids);
    this.#start();
  }

  /** @param {string} id */
  remove(id) {
    this.#waiting = this.#waiting.filter((other) => other !== id);
  }

  /** End a pause. */
  retryNow() {
    if (this.#timer !== null) {
      this.#clearTimer(this.#timer);
      this.#timer = null;
      this.#start();
    }
  }

  #start() {
    const parallel = this.#failures > 0 ? 1 : this.#parallel;
    while (this.#timer === null && this.#active < parallel) {
      const id = this.#waiting.shift();
      if (id === undefined) {
        return;
      }
      this.#active += 1;
      void this.#run(id);
    }
  }

  /** @param {string} id */
  async #run(id) {
    try {
      await this.#upload(id);
      this.#succeed();
    } catch (error) {
      if (!(error instanceof ApiError && error.isTemporary)) {
        throw error;
      }
      this.#waiting.unshift(id);
      this.#pause(error);
    } finally {
      this.#active -= 1;
      this.#start();
    }
  }

  #succeed() {
    if (this.#failures > 0) {
      this.#failures = 0;
      this.#clearTimer(this.#timer);
      this.#timer = null;
      this.#onPause(null);
    }
  }

  /** @param {ApiError} error */
  #pause(error) {
    if (this.#timer !== null) {
      return; // of parallel uploads, the first counts
    }
    this.#failures += 1;
    this.#onPause(error);
    this.#timer = this.#setTimer(() => {
      this.#timer = null;
      this.#start();
    }, pauseSeconds(this.#failures, error.retryAfterSeconds) * 1000);
  }
}

/**
 * Return the seconds until the next attempt: at least what the server requires.
 *
 * @param {number} failures in a row, from 1
 * @param {number} [retryAfterSeconds]
 * @param {number} [random] from 0 to 1, so that many browsers do not retry at the same time
 */
export function pauseSeconds(failures, retryAfterSeconds = 0, random = Math.random()) {
  const pause = Math.min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (failures - 1));
  return Math.max(retryAfterSeconds, pause * (0.5 + random / 2));
}
