/**
 * Status changes of images from `GET /api/events`. Reconnects by itself, also after an error status.
 */

import { readJson, request, url } from "./api.js";

const RECONNECT_MS = 5000;

/** @typedef {{ id: string, status: string }} StatusChange */

/**
 * Call `onChange` for each status change, and `onConnected` for each connection, whose predecessor may have missed
 * changes. A hidden page that the browser keeps for the way back has no connection.
 *
 * @param {(change: StatusChange) => void} onChange
 * @param {() => void} [onConnected]
 */
export function followEvents(onChange, onConnected) {
  /** @type {EventSource | undefined} */
  let source;

  function connect() {
    const opened = new EventSource(url("/api/events"));
    source = opened;
    opened.addEventListener("status", (event) => onChange(JSON.parse(event.data)));
    opened.addEventListener("open", () => onConnected?.());
    opened.addEventListener("error", () => {
      if (opened.readyState === EventSource.CLOSED && source === opened) {
        setTimeout(() => source === opened && connect(), RECONNECT_MS);
        // EventSource does not tell the status. This request offers the login if the session has ended.
        request("/api/images?limit=1", readJson).catch(() => undefined);
      }
    });
  }

  connect();
  addEventListener("pagehide", () => {
    source?.close();
    source = undefined;
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      connect();
    }
  });
}
