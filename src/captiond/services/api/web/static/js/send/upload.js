/**
 * Sends one image. XMLHttpRequest reports the progress of uploads, fetch does not.
 */

import { ApiError, checkSession, url } from "../api.js";
import { gettext as _ } from "../i18n.js";
import { isServerState } from "./states.js";

/** @typedef {import("./items.js").Item} Item */

// A connection without progress for so long is closed. The API answers within its time limits, 10 s by default.
const STALL_MS = 60_000;
// Proxies answer with these while the API restarts.
const GATEWAY_STATUSES = new Set([408, 502, 504]);

/**
 * Send an image once. Throws ApiError.
 *
 * @param {Item} item
 * @param {Blob} file
 * @param {(sent: number) => void} onProgress gets the sent part, from 0 to 1
 * @returns {Promise<{id: string, status: import("./items.js").ServerState, receipt: string | undefined}>}
 */
export function upload(item, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer = 0;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), STALL_MS);
    };
    request.open("POST", url("/api/images"));
    request.setRequestHeader("Idempotency-Key", item.key);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Prefer", "receipt");
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      watch();
      onProgress(total ? loaded / total : 0);
    });
    request.addEventListener("loadend", () => {
      clearTimeout(timer);
      const body = parse(request.responseText);
      if (request.status === 202 && typeof body.id === "string" && isServerState(body.status)) {
        const receipt = typeof body.receipt === "string" ? body.receipt : undefined;
        resolve({ id: body.id, status: body.status, receipt });
      } else {
        checkSession(request.status);
        reject(toError(request, body));
      }
    });
    watch();
    request.send(makeForm(item, file));
  });
}

/**
 * @param {Item} item
 * @param {Blob} file
 */
function makeForm(item, file) {
  const form = new FormData();
  // The fields precede the file, so that the API rejects invalid ones early.
  form.append("description", item.description);
  const { camera, captured_at, labels } = item.fields;
  if (camera) {
    form.append("camera", camera);
  }
  if (captured_at) {
    form.append("captured_at", captured_at);
  }
  if (labels && Object.keys(labels).length > 0) {
    form.append("labels", JSON.stringify(labels));
  }
  form.append("image", file, item.name);
  return form;
}

/**
 * @param {XMLHttpRequest} request
 * @param {Record<string, unknown>} problem
 */
function toError(request, problem) {
  if (request.status === 0) {
    return new ApiError(0, "unreachable", _("The server cannot be reached."));
  }
  const status = GATEWAY_STATUSES.has(request.status) ? 503 : request.status;
  const retryAfter = Number(request.getResponseHeader("Retry-After")) || undefined;
  const type = String(problem.type ?? "").replace(/.*:/, "");
  return new ApiError(status, type, String(problem.detail ?? `HTTP ${request.status}`), retryAfter);
}

/**
 * @param {string} text
 * @returns {Record<string, unknown>}
 */
function parse(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
