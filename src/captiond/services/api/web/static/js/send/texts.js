/**
 * Texts for states and problems.
 */

import { may } from "../api.js";
import { gettext as _, ngettext } from "../i18n.js";

/** @typedef {import("./items.js").State} State */

/** @param {State} state */
export function describeState(state) {
  switch (state) {
    case "draft":
      return _("not sent");
    case "waiting":
      return _("waiting");
    case "sending":
      return _("sending");
    case "queued":
      return may("read") ? _("queued") : _("accepted");
    case "captioned":
      return _("captioned");
    case "stored":
      return _("stored");
    case "failed":
      return _("failed");
    case "refused":
      return _("not accepted");
  }
}

/**
 * Return a translated text for a problem type, else the detail of the server, which is English.
 *
 * @param {import("./items.js").Fault} fault
 */
export function describeFault({ type, detail }) {
  switch (type) {
    case "unreadable":
      return _("The file can no longer be read. Remove it and choose it again.");
    case "failed":
      return _("The image could not be captioned.");
    case "unknown-image":
      return _("The server has lost this image. Send it again.");
    case "unreachable":
      return _("The server cannot be reached.");
    case "unavailable":
      return _("The archive or the queue is unavailable.");
    case "queue-full":
      return _("The queue is full.");
    case "overloaded":
      return _("The server is busy.");
    case "rate-limited":
      return _("Too many requests.");
    case "too-large":
      return _("The file is too large.");
    case "not-a-jpeg":
      return _("The file is not a JPEG.");
    case "idempotency-key-reused":
      return _("This image has been sent with other data.");
    case "unauthorized":
      return _("The session has ended. Log in again.");
    case "missing-scope":
      return _("Your API key does not allow this.");
    case "cross-site-request":
      return _("The server considers this page another site. Check its reverse proxy.");
    case "preview-unavailable":
      return _("The server cannot load the font.");
    default:
      return detail;
  }
}

/**
 * Describe the counts of the list, such as "97 stored, 3 failed".
 *
 * @param {import("./items.js").Counts} counts
 */
export function describeCounts({ draft, waiting, sending, queued, captioned, stored, failed, refused }) {
  const parts = [
    [stored, ngettext("%(count)s stored", "%(count)s stored", stored)],
    [failed + refused, ngettext("%(count)s failed", "%(count)s failed", failed + refused)],
    [
      queued + captioned,
      may("read")
        ? ngettext("%(count)s in progress", "%(count)s in progress", queued + captioned)
        : ngettext("%(count)s accepted", "%(count)s accepted", queued + captioned),
    ],
    [waiting + sending, ngettext("%(count)s to upload", "%(count)s to upload", waiting + sending)],
    [draft, ngettext("%(count)s not sent", "%(count)s not sent", draft)],
  ];
  return parts.flatMap(([count, text]) => (count ? [text] : [])).join(", ");
}

/**
 * @param {number} bytes
 * @param {string} language
 */
export function formatBytes(bytes, language) {
  const [value, unit] = bytes < 1e6 ? [bytes / 1e3, "kilobyte"] : [bytes / 1e6, "megabyte"];
  const format = new Intl.NumberFormat(language, {
    style: "unit",
    unit,
    unitDisplay: "short",
    maximumSignificantDigits: 3,
  });
  return format.format(value);
}
