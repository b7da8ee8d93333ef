import assert from "node:assert/strict";
import { test } from "node:test";

import {
  CsvError,
  decodeCsv,
  matchingName,
  parseCaptions,
  parseRecords,
} from "../../../src/captiond/services/api/web/static/js/send/csv.js";

const accept = () => "";

/** @param {string} text */
function read(text) {
  return [...parseCaptions(text, accept).values()].map(({ file, description }) => [file, description]);
}

/**
 * @param {string} text
 * @param {(description: string) => string} [findFault]
 */
function fault(text, findFault = accept) {
  try {
    parseCaptions(text, findFault);
  } catch (error) {
    assert.ok(error instanceof CsvError);
    return [error.line, error.message];
  }
  return assert.fail("no error");
}

test("a comma, a semicolon and a tab separate the columns", () => {
  for (const separator of [",", ";", "\t"]) {
    assert.deepEqual(read(`file${separator}description\n1.jpg${separator}A b\n`), [["1.jpg", "A b"]]);
  }
});

test("columns are found by name, in any order and case, among others", () => {
  assert.deepEqual(read('"Description", FILE ,id\nA,1.jpg,7'), [["1.jpg", "A"]]);
});

test("a byte order mark is skipped", () => {
  const content = new Uint8Array([0xef, 0xbb, 0xbf, ...new TextEncoder().encode("file,description\n1.jpg,Ж")]);
  assert.deepEqual(read(decodeCsv(content.buffer)), [["1.jpg", "Ж"]]);
  assert.deepEqual(read("\ufefffile,description\n1.jpg,Ж"), [["1.jpg", "Ж"]]);
});

test("another encoding is an error", () => {
  assert.throws(() => decodeCsv(new Uint8Array([0xc6, 0xc7]).buffer), /Line 1: the file is not UTF-8/);
});

test("quoted fields contain separators, quotes and line breaks", () => {
  assert.deepEqual(read('file,description\r\n"1.jpg","a, ""b""\r\nc"\r\n2.jpg,d'), [
    ["1.jpg", 'a, "b"\r\nc'],
    ["2.jpg", "d"],
  ]);
});

test("line breaks are LF, CRLF or CR, and blank lines are skipped", () => {
  assert.deepEqual(read("file;description\r1.jpg;a\r\r\n\n2.jpg;b\n\n"), [
    ["1.jpg", "a"],
    ["2.jpg", "b"],
  ]);
});

test("an error names the line", () => {
  const header = 'file,description\n"1.jpg","a\nb"\n'; // lines 1 to 3
  assert.deepEqual(fault(`${header}2.jpg,"x`), [4, "Line 4: a quote is not closed"]);
  assert.deepEqual(fault(`${header}2.jpg,"x" y`), [4, "Line 4: text after a closing quote"]);
  assert.match(fault(`${header}2.jpg,x "y"`)[1]?.toString() ?? "", /^Line 4: a quote inside a text/);
  assert.match(fault(`${header}2.jpg,x,y`)[1]?.toString() ?? "", /^Line 4: 3 fields, but the header has 2/);
  assert.match(fault(`${header}2.jpg`)[1]?.toString() ?? "", /^Line 4: 1 fields/);
  assert.deepEqual(fault(`${header},x`), [4, "Line 4: the file name is missing"]);
  assert.deepEqual(fault(`${header}A/1.JPG,x`), [4, "Line 4: the file “A/1.JPG” is listed twice"]);
  assert.deepEqual(
    fault(`${header}2.jpg,`, (text) => (text ? "" : "Enter a description.")),
    [4, "Line 4: Enter a description."],
  );
});

test("a header without the columns is an error of line 1", () => {
  for (const text of ["", "file,text\n1.jpg,a", "1.jpg,a", "file description\n"]) {
    assert.equal(fault(text)[0], 1);
  }
});

test("file names match without folders and case", () => {
  assert.equal(matchingName(" C:\\Photos\\IMG 1.JPG "), "img 1.jpg");
  assert.equal(matchingName("photos/и\u0306.jpg"), matchingName("Й.JPG"));
});

test("records have their first line", () => {
  assert.deepEqual(
    parseRecords('a\n\n"b\nc"\nd', ",").map(({ line }) => line),
    [1, 3, 5],
  );
});
