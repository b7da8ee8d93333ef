import assert from "node:assert/strict";
import { test } from "node:test";

import {
  countCharacters,
  findCameraFault,
  findDescriptionFault,
  findFileFault,
  findLabelsFault,
  normalizeDescription,
  readLimits,
} from "../../../src/captiond/services/api/web/static/js/send/checks.js";

const limits = readLimits({
  maxUploadBytes: "20",
  maxDescription: "200",
  maxCamera: "64",
  maxLabels: "16",
  maxLabel: "200",
  labelName: "[a-z][a-z0-9_]{0,31}",
});

test("a description counts in code points after NFC and after CRLF has become LF", () => {
  assert.equal(countCharacters("🚨🚨"), 2);
  assert.equal(countCharacters("и\u0306"), 1);
  assert.equal(countCharacters("a\r\nb"), 3);
  assert.equal(normalizeDescription("\ufeffa\r\nи\u0306"), "a\nй");
});

test("a description has 1 to 200 characters", () => {
  assert.equal(findDescriptionFault("x", limits), "");
  assert.equal(findDescriptionFault("🚨".repeat(200), limits), "");
  assert.equal(findDescriptionFault("🚨".repeat(201), limits), "The description has 201 characters; the limit is 200.");
});

test("a description without a visible character is blank", () => {
  for (const text of ["", " \n", "\u200b", "\u2800", "\u00ad", "\u0007", "\u3164"]) {
    assert.equal(findDescriptionFault(text, limits), "Enter a description.");
  }
  for (const text of [".", "\u0600", "\u{110bd}"]) {
    assert.equal(findDescriptionFault(text, limits), "");
  }
});

test("a description has neither U+0000 nor lone surrogates", () => {
  for (const text of ["a\0", "a\ud800"]) {
    assert.match(findDescriptionFault(text, limits), /invalid characters/);
  }
});

test("a camera name has at most 64 characters without controls", () => {
  assert.equal(findCameraFault(` ${"я".repeat(64)} `, limits), "");
  assert.match(findCameraFault("я".repeat(65), limits), /65 characters; the limit is 64/);
  assert.match(findCameraFault("a\tb", limits), /invalid characters/);
});

test("label names are checked", () => {
  assert.equal(findLabelsFault([["speed", "83"]], limits), "");
  for (const name of ["", "Speed", "1st", "a-b", "a".repeat(33), "ы", "a\n"]) {
    assert.match(findLabelsFault([[name, "x"]], limits), /is not a label name/);
  }
  const twice = /** @type {[string, string]} */ (["a", "x"]);
  assert.match(findLabelsFault([twice, twice], limits), /two labels “a”/);
});

test("there are at most 16 labels of at most 200 characters", () => {
  const many = Array.from({ length: 17 }, (_, index) => /** @type {[string, string]} */ ([`a${index}`, "x"]));
  assert.equal(findLabelsFault(many.slice(1), limits), "");
  assert.match(findLabelsFault(many, limits), /17 labels; the limit is 16/);
  assert.equal(findLabelsFault([["a", "🚨".repeat(200)]], limits), "");
  assert.match(findLabelsFault([["a", "x".repeat(201)]], limits), /201 characters/);
  assert.match(findLabelsFault([["a", "\0"]], limits), /invalid characters/);
});

test("a file starts as a JPEG and is not too large", async () => {
  const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 0xe0]);
  assert.equal(await findFileFault(new Blob([jpeg]), limits), "");
  assert.equal(await findFileFault(new Blob([]), limits), "The file is empty.");
  assert.equal(await findFileFault(new Blob(["BM1"]), limits), "The file is not a JPEG: it starts with 42 4d 31.");
  assert.equal(await findFileFault(new Blob(["\n"]), limits), "The file is not a JPEG: it starts with 0a.");
  assert.match(await findFileFault(new Blob([jpeg, "x".repeat(17)]), limits), /has 21 bytes; the limit is 20/);
});
