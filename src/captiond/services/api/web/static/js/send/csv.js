/**
 * Reads descriptions from a CSV file with the columns `file` and `description`.
 */

import { gettext as _ } from "../i18n.js";

const SEPARATORS = [",", ";", "\t"];
const COLUMNS = ["file", "description"];

/** The file is no valid CSV. The message names the line. */
export class CsvError extends Error {
  /**
   * @param {number} line from 1
   * @param {string} reason
   */
  constructor(line, reason) {
    super(_("Line %(line)s: %(reason)s", { line, reason }));
    this.line = line;
  }
}

/**
 * @typedef {object} CsvRecord
 * @property {number} line the first line of the record, from 1
 * @property {string[]} fields
 */

/**
 * @typedef {object} Caption
 * @property {string} file as the CSV file has it
 * @property {string} description
 */

/**
 * Decode UTF-8, with or without byte order mark. Throws CsvError.
 *
 * @param {ArrayBuffer} content
 */
export function decodeCsv(content) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw new CsvError(1, _("the file is not UTF-8; save it as “CSV UTF-8”"));
  }
}

/**
 * Return the descriptions by matching name. Throws CsvError.
 *
 * @param {string} text
 * @param {(description: string) => string} findFault returns why a description is invalid, or an empty string
 * @returns {Map<string, Caption>}
 */
export function parseCaptions(text, findFault) {
  const { records, file, description } = readTable(text.replace(/^\ufeff/, ""));
  const captions = new Map();
  for (const { line, fields } of records) {
    const caption = { file: fields[file] ?? "", description: fields[description] ?? "" };
    const name = matchingName(caption.file);
    if (!name) {
      throw new CsvError(line, _("the file name is missing"));
    }
    if (captions.has(name)) {
      throw new CsvError(line, _("the file “%(name)s” is listed twice", { name: caption.file }));
    }
    const fault = findFault(caption.description);
    if (fault) {
      throw new CsvError(line, fault);
    }
    captions.set(name, caption);
  }
  return captions;
}

/**
 * Return a file name without folders and case, for comparisons.
 *
 * @param {string} path
 */
export function matchingName(path) {
  return path
    .trim()
    .replace(/.*[/\\]/s, "")
    .normalize("NFC")
    .toLowerCase();
}

/**
 * Return the records after the header, and the positions of both columns.
 *
 * @param {string} text
 */
function readTable(text) {
  for (const separator of SEPARATORS) {
    const names = text.split(/\r?\n|\r/, 1)[0]?.split(separator) ?? [];
    const columns = names.map((name) =>
      name
        .trim()
        .replace(/^"(.*)"$/, "$1")
        .trim()
        .toLowerCase(),
    );
    const [file = -1, description = -1] = COLUMNS.map((name) => columns.indexOf(name));
    if (file >= 0 && description >= 0) {
      const records = parseRecords(text, separator).slice(1);
      checkLengths(records, columns.length);
      return { records, file, description };
    }
  }
  throw new CsvError(
    1,
    _("the header must have the columns file and description, separated by a comma, semicolon or tab"),
  );
}

/**
 * @param {CsvRecord[]} records
 * @param {number} columns
 */
function checkLengths(records, columns) {
  for (const { line, fields } of records) {
    if (fields.length !== columns) {
      throw new CsvError(
        line,
        _("%(count)s fields, but the header has %(expected)s; enclose a text with separators in quotes", {
          count: fields.length,
          expected: columns,
        }),
      );
    }
  }
}

/**
 * Parse CSV (RFC 4180). Blank lines are skipped. Throws CsvError.
 *
 * @param {string} text
 * @param {string} separator
 * @returns {CsvRecord[]}
 */
export function parseRecords(text, separator) {
  /** @type {CsvRecord[]} */
  const records = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const first = line;
    /** @type {string[]} */
    const fields = [];
    for (;;) {
      const field = text[at] === '"' ? readQuoted(text, at, line) : readPlain(text, at, line, separator);
      fields.push(field.value);
      line += countLines(field.value);
      at = field.end;
      if (text[at] !== separator) {
        break;
      }
      at += 1;
    }
    if (at < text.length && text[at] !== "\r" && text[at] !== "\n") {
      throw new CsvError(line, _("text after a closing quote"));
    }
    at += text.startsWith("\r\n", at) ? 2 : 1;
    line += 1;
    if (fields.length > 1 || fields[0] !== "") {
      records.push({ line: first, fields });
    }
  }
  return records;
}

/**
 * @param {string} text
 * @param {number} start position of the opening quote
 * @param {number} line
 */
function readQuoted(text, start, line) {
  let value = "";
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) {
      throw new CsvError(line, _("a quote is not closed"));
    }
    value += text.slice(at, quote);
    if (text[quote + 1] !== '"') {
      return { value, end: quote + 1 };
    }
    value += '"';
    at = quote + 2;
  }
}

/**
 * @param {string} text
 * @param {number} start
 * @param {number} line
 * @param {string} separator
 */
function readPlain(text, start, line, separator) {
  let end = start;
  while (end < text.length && text[end] !== separator && text[end] !== "\r" && text[end] !== "\n") {
    if (text[end] === '"') {
      throw new CsvError(line, _("a quote inside a text without quotes; double it and enclose the text in quotes"));
    }
    end += 1;
  }
  return { value: text.slice(start, end), end };
}

/** @param {string} value */
function countLines(value) {
  return value.match(/\r\n|\r|\n/g)?.length ?? 0;
}
