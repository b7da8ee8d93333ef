import assert from "node:assert/strict";
import { test } from "node:test";

import { describe, readForm, runBatches } from "../../../src/captiond/services/api/web/static/js/batches.js";

/** @param {Record<string, string | string[]>} fields */
function form(fields) {
  const data = new FormData();
  for (const [name, values] of Object.entries(fields)) {
    for (const value of [values].flat()) {
      data.append(name, value);
    }
  }
  return data;
}

test("the button of one dead letter selects it, whatever is checked", () => {
  assert.deepEqual(readForm(form({ letter: ["uploads/1-0", "uploads/2-0"], drop: "captioned/3-0" })), {
    action: "drop",
    selection: { letters: [{ queue: "captioned", entry: "3-0" }] },
  });
});

test("checked dead letters are selected", () => {
  assert.deepEqual(readForm(form({ letter: ["uploads/1-0", "captioned/2-0"], action: "retry" })), {
    action: "retry",
    selection: {
      letters: [
        { queue: "uploads", entry: "1-0" },
        { queue: "captioned", entry: "2-0" },
      ],
    },
  });
});

test("without a checked dead letter nothing is selected", () => {
  assert.deepEqual(readForm(form({ action: "drop" })), { action: "drop", selection: null });
});

test("all are limited to the filter", () => {
  assert.deepEqual(readForm(form({ action: "drop-all", queue: "uploads", reason: "no scan" })), {
    action: "drop",
    selection: { all: true, queue: "uploads", reason: "no scan" },
  });
  assert.deepEqual(readForm(form({ action: "retry-all" })), { action: "retry", selection: { all: true } });
});

test("batches continue with the next request and are added up", async () => {
  const bodies = [];
  const results = [
    { retried: 100, missing: 1, failed: 0, remaining: 50, error: null, next: { all: true, before: "1-0-uploads" } },
    { retried: 48, missing: 0, failed: 2, remaining: 0, error: "disk", next: null },
  ];
  const progress = [];
  for await (const each of runBatches(async (body) => results[bodies.push(body) - 1], { all: true })) {
    progress.push(each);
  }
  assert.deepEqual(bodies, [{ all: true }, { all: true, before: "1-0-uploads" }]);
  assert.deepEqual(progress, [
    { changed: 100, missing: 1, failed: 0, remaining: 50, error: null, isDone: false },
    { changed: 148, missing: 1, failed: 2, remaining: 0, error: "disk", isDone: true },
  ]);
});

test("the result names what could not be changed", () => {
  const progress = { changed: 1200, missing: 1, failed: 2, remaining: 0, error: "disk", isDone: true };
  assert.equal(
    describe("drop", progress, new Intl.NumberFormat("en")),
    "1,200 deleted. 1 no longer existed. 2 could not be changed: disk",
  );
  assert.equal(
    describe("retry", { ...progress, changed: 1, missing: 0, failed: 0 }, new Intl.NumberFormat("en")),
    "1 returned to its queue.",
  );
});
