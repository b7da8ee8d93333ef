import assert from "node:assert/strict";
import { test } from "node:test";

import { findCursor, toCsv } from "../../../src/captiond/services/api/web/static/js/matches.js";

const match = { id: "1", received_at: "2026-11-20T12:00:00Z", camera: null, description: "gate" };
const link = (/** @type {string} */ id) => `/images/${id}`;

test("the Link header has the cursor of the next page", () => {
  assert.equal(findCursor('</api/images?limit=2&before=12_ab&q=a%26b>; rel="next"'), "12_ab");
  assert.equal(findCursor(null), null);
  assert.equal(findCursor('</api/images>; rel="prev"'), null);
});

test("a list has a header and one line per image", () => {
  assert.equal(
    toCsv([match], link),
    "\ufeffid,received_at,camera,description,url\r\n1,2026-11-20T12:00:00Z,,gate,/images/1\r\n",
  );
});

test("separators, quotes and line breaks are quoted", () => {
  assert.match(toCsv([{ ...match, description: 'a,"b"\nc' }], link), /,"a,""b""\nc",/);
});

test("no text becomes a formula", () => {
  for (const description of ["=1+1", "+1", "-1", "@sum", "\tx"]) {
    assert.ok(toCsv([{ ...match, description }], link).includes(`,'${description},`));
  }
});
