/**
 * The limits of the API, checked before an upload.
 */

import { gettext as _ } from "../i18n.js";

/**
 * @typedef {object} Limits
 * @property {number} maxUploadBytes
 * @property {number} maxDescription characters
 * @property {number} maxCamera characters
 * @property {number} maxLabels
 * @property {number} maxLabel characters of a value
 * @property {RegExp} labelName
 */

const JPEG_START = [0xff, 0xd8, 0xff];
// As the API defines it. The code points at the end are prepended concatenation marks, which JavaScript has no name for.
const VISIBLE =
  /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800]|[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/u;
const UNSTORABLE = /\0|\p{Surrogate}/u;
const CONTROLS = /\p{Cc}/u;

/**
 * @param {DOMStringMap} data the data attributes of the form
 * @returns {Limits}
 */
export function readLimits(data) {
  return {
    maxUploadBytes: Number(data.maxUploadBytes),
    maxDescription: Number(data.maxDescription),
    maxCamera: Number(data.maxCamera),
    maxLabels: Number(data.maxLabels),
    maxLabel: Number(data.maxLabel),
    labelName: new RegExp(`^(?:${data.labelName})$`),
  };
}

/**
 * Convert a description as the API does.
 *
 * @param {string} text
 */
export function normalizeDescription(text) {
  return text
    .replace(/^\ufeff/, "")
    .replaceAll("\r\n", "\n")
    .normalize("NFC");
}

/**
 * Count the Unicode code points of a description.
 *
 * @param {string} text
 */
export function countCharacters(text) {
  return [...normalizeDescription(text)].length;
}

/**
 * Return why the API would refuse a description, or an empty string.
 *
 * @param {string} text
 * @param {Limits} limits
 */
export function findDescriptionFault(text, limits) {
  const description = normalizeDescription(text);
  if (!VISIBLE.test(description)) {
    return _("Enter a description.");
  }
  const count = countCharacters(description);
  if (count > limits.maxDescription) {
    return _("The description has %(count)s characters; the limit is %(limit)s.", {
      count,
      limit: limits.maxDescription,
    });
  }
  return UNSTORABLE.test(description) ? _("The description contains invalid characters.") : "";
}

/**
 * Return why the API would refuse the name of a camera, or an empty string.
 *
 * @param {string} text
 * @param {Limits} limits
 */
export function findCameraFault(text, limits) {
  const camera = text.normalize("NFC").trim();
  if (CONTROLS.test(camera) || UNSTORABLE.test(camera)) {
    return _("The camera name contains invalid characters.");
  }
  const count = [...camera].length;
  return count > limits.maxCamera
    ? _("The camera name has %(count)s characters; the limit is %(limit)s.", { count, limit: limits.maxCamera })
    : "";
}

/**
 * Return why the API would refuse labels, or an empty string.
 *
 * @param {Array<[string, string]>} labels names and values
 * @param {Limits} limits
 */
export function findLabelsFault(labels, limits) {
  if (labels.length > limits.maxLabels) {
    return _("%(count)s labels; the limit is %(limit)s.", { count: labels.length, limit: limits.maxLabels });
  }
  /** @type {Set<string>} */
  const names = new Set();
  for (const [name, value] of labels) {
    const fault = findLabelFault(name, value, limits);
    if (fault) {
      return fault;
    }
    if (names.has(name)) {
      return _("There are two labels “%(name)s”.", { name });
    }
    names.add(name);
  }
  return "";
}

/**
 * @param {string} name
 * @param {string} value
 * @param {Limits} limits
 */
function findLabelFault(name, value, limits) {
  if (!limits.labelName.test(name)) {
    return _("“%(name)s” is not a label name: use a-z, 0-9 and _, start with a letter, at most 32 characters.", {
      name,
    });
  }
  const text = value.normalize("NFC");
  if (UNSTORABLE.test(text)) {
    return _("The label “%(name)s” contains invalid characters.", { name });
  }
  const count = [...text].length;
  return count > limits.maxLabel
    ? _("The label “%(name)s” has %(count)s characters; the limit is %(limit)s.", {
        name,
        count,
        limit: limits.maxLabel,
      })
    : "";
}

/**
 * Return why the API would refuse a file, or an empty string. Reads its first three bytes.
 *
 * @param {Blob} file
 * @param {Limits} limits
 */
export async function findFileFault(file, limits) {
  if (file.size === 0) {
    return _("The file is empty.");
  }
  if (file.size > limits.maxUploadBytes) {
    return _("The file has %(count)s bytes; the limit is %(limit)s.", {
      count: file.size,
      limit: limits.maxUploadBytes,
    });
  }
  /** @type {Uint8Array} */
  let start;
  try {
    start = new Uint8Array(await file.slice(0, JPEG_START.length).arrayBuffer());
  } catch {
    return _("The file cannot be read.");
  }
  return JPEG_START.every((byte, position) => start[position] === byte)
    ? ""
    : _("The file is not a JPEG: it starts with %(start)s.", { start: formatBytes(start) });
}

/** @param {Uint8Array} bytes */
function formatBytes(bytes) {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
