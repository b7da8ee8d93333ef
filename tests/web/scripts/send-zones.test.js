import assert from "node:assert/strict";
import { test } from "node:test";

import { resolveZone, toRfc3339 } from "../../../src/captiond/services/api/web/static/js/send/zones.js";

test("a local time gets the offset of its zone", () => {
  assert.equal(toRfc3339("2026-11-26T10:45", "Europe/Moscow"), "2026-11-26T10:45:00+03:00");
  assert.equal(toRfc3339("2026-11-26T10:45:01.5", "UTC"), "2026-11-26T10:45:01.500+00:00");
  assert.equal(toRfc3339("2026-07-01T00:30:00", "America/St_Johns"), "2026-07-01T00:30:00-02:30");
  assert.equal(toRfc3339("2026-01-01T00:00:59", "Asia/Kathmandu"), "2026-01-01T00:00:59+05:45");
});

test("the offset follows daylight saving time up to the change", () => {
  const berlin = (/** @type {string} */ local) => toRfc3339(local, "Europe/Berlin").slice(-6);
  assert.equal(berlin("2026-03-29T01:59:59"), "+01:00");
  assert.equal(berlin("2026-03-29T03:00:00"), "+02:00");
  assert.equal(berlin("2026-10-25T01:59:59"), "+02:00");
  assert.equal(berlin("2026-10-25T03:00:00"), "+01:00");
});

test("of a time that occurs twice, the first is meant", () => {
  assert.equal(toRfc3339("2026-10-25T02:30", "Europe/Berlin"), "2026-10-25T02:30:00+02:00");
});

test("a time that does not exist gets the offset before the change", () => {
  assert.equal(toRfc3339("2026-03-29T02:30", "Europe/Berlin"), "2026-03-29T02:30:00+01:00");
});

test("an unknown zone is replaced by that of the browser", () => {
  assert.equal(resolveZone("Europe/Moscow"), "Europe/Moscow");
  assert.equal(resolveZone("Nowhere/Town"), Intl.DateTimeFormat().resolvedOptions().timeZone);
});
