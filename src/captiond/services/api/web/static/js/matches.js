/**
 * Images of the archive that match filters, from the API, and their list as CSV.
 */

import { request } from "./api.js";

const PAGE_IMAGES = 1000;

/** @typedef {{ id: string, received_at: string, camera: string | null, description: string }} Match */

/** @param {Response} response */
const readPage = async (response) => ({ images: await response.json(), link: response.headers.get("link") });

/**
 * Yield the pages of all images that match.
 *
 * @param {string} parameters the filters as a query string of `GET /api/images`
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Match[]>}
 */
export async function* fetchMatches(parameters, signal) {
  /** @type {string | null} */
  let before = "";
  while (before !== null) {
    const query = new URLSearchParams(parameters);
    query.set("limit", String(PAGE_IMAGES));
    if (before) {
      query.set("before", before);
    }
    const { images, link } = await request(`/api/images?${query}`, readPage, { signal });
    yield images;
    before = findCursor(link);
  }
}

/**
 * Return the cursor of the next page in a Link header, null for the last page.
 *
 * @param {string | null} header
 */
export function findCursor(header) {
  const target = header?.match(/<([^>]*)>; rel="next"/)?.[1];
  return target ? new URLSearchParams(target.replace(/^[^?]*/, "")).get("before") : null;
}

/**
 * Return a table as RFC 4180 describes it, with a header. Spreadsheets read it as UTF-8.
 *
 * @param {Match[]} matches
 * @param {(id: string) => string} link returns the address of an image
 */
export function toCsv(matches, link) {
  const rows = matches.map((match) => [
    match.id,
    match.received_at,
    match.camera ?? "",
    match.description,
    link(match.id),
  ]);
  const lines = [["id", "received_at", "camera", "description", "url"], ...rows];
  return `\ufeff${lines.map((line) => `${line.map(quote).join(",")}\r\n`).join("")}`;
}

/**
 * Quote a value. A leading apostrophe keeps spreadsheets from running a text of a client as a formula.
 *
 * @param {string} value
 */
function quote(value) {
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
