/**
 * Requests to the HTTP API of this origin.
 */

import { gettext as _ } from "./i18n.js";

const UNAUTHORIZED = 401;

/** A problem document (RFC 9457), or a request without a response (`status` 0). */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} type the last part of the problem's URN
   * @param {string} message
   * @param {number} [retryAfterSeconds]
   */
  constructor(status, type, message, retryAfterSeconds) {
    super(message);
    this.status = status;
    this.type = type;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Whether the same request may succeed later, for example after a login. */
  get isTemporary() {
    return [0, UNAUTHORIZED, 429, 503].includes(this.status);
  }
}

/**
 * Whether the client has a scope. Without access control, everyone has all.
 *
 * @param {"upload" | "read" | "operate" | "admin"} scope
 */
export function may(scope) {
  return globalThis.document?.documentElement.dataset.scopes?.split(" ").includes(scope) ?? true;
}

/**
 * Offer the login if a response says that the session has ended. `login.js` listens to the event.
 *
 * @param {number} status
 */
export function checkSession(status) {
  if (status === UNAUTHORIZED) {
    globalThis.document?.dispatchEvent(new Event("session-ended"));
  }
}

/**
 * Return the URL of a path of this server, such as `/api/images`.
 *
 * @param {string} path
 */
export function url(path) {
  return (document.documentElement.dataset.root ?? "") + path;
}

/**
 * Send a request, and return what `read` makes of its response. Throws ApiError for every other status than 2xx, and with
 * status 0 if there is no response or it ends early.
 *
 * @template T
 * @param {string} path
 * @param {(response: Response) => Promise<T>} read
 * @param {RequestInit} [options]
 */
export async function request(path, read, options = {}) {
  let response;
  try {
    response = await fetch(url(path), options);
    if (response.ok) {
      return await read(response);
    }
  } catch (error) {
    if (options.signal?.aborted) {
      throw error;
    }
    throw new ApiError(0, "unreachable", _("The server cannot be reached."));
  }
  checkSession(response.status);
  throw await readProblem(response);
}

/** @param {Response} response */
export const readJson = (response) => response.json();

/** @param {Response} response */
export const readBlob = (response) => response.blob();

/** @param {Response} response */
async function readProblem(response) {
  const retryAfter = Number(response.headers.get("retry-after")) || undefined;
  const problem = await response.json().catch(() => ({}));
  const type = String(problem.type ?? "").replace(/.*:/, "");
  return new ApiError(response.status, type, problem.detail ?? response.statusText, retryAfter);
}
