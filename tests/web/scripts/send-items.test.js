import assert from "node:assert/strict";
import { test } from "node:test";

import {
  countStates,
  isInFlight,
  isProgress,
  isRetryable,
  isUnsent,
  makeId,
} from "../../../src/captiond/services/api/web/static/js/send/items.js";
import {
  describeCounts,
  describeFault,
  describeState,
  formatBytes,
} from "../../../src/captiond/services/api/web/static/js/send/texts.js";

test("a late report does not move an image back", () => {
  assert.ok(isProgress("queued", "captioned"));
  assert.ok(isProgress("queued", "stored"));
  assert.ok(!isProgress("captioned", "queued"));
  assert.ok(!isProgress("stored", "captioned"));
  assert.ok(!isProgress("stored", "failed"));
  assert.ok(!isProgress("queued", "queued"));
});

test("a failed image continues when it is redriven", () => {
  assert.ok(isProgress("captioned", "failed"));
  assert.ok(isProgress("failed", "queued"));
  assert.ok(isProgress("failed", "stored"));
});

test("states are counted and described", () => {
  const counts = countStates(
    ["stored", "stored", "failed", "refused", "queued", "draft"].map((state) => ({
      state: /** @type {any} */ (state),
    })),
  );
  assert.equal(describeCounts(counts), "2 stored, 2 failed, 1 in progress, 1 not sent");
  assert.equal(describeCounts(countStates([])), "");
});

test("each state belongs to one phase", () => {
  /** @type {any[]} */
  const states = ["draft", "waiting", "sending", "queued", "captioned", "stored", "failed", "refused"];
  const phases = states.map((state) => [isUnsent({ state }), isInFlight({ state }), isRetryable({ state })]);
  assert.deepEqual(
    phases.map((phase) => phase.indexOf(true)),
    [-1, 0, 0, 1, 1, -1, 2, 2],
  );
  assert.ok(states.every((state) => describeState(state)));
});

test("a problem without a text keeps the detail of the server", () => {
  assert.equal(describeFault({ type: "queue-full", detail: "x" }), "The queue is full.");
  assert.equal(describeFault({ type: "other", detail: "Some detail." }), "Some detail.");
});

test("ids are random UUIDs of version 4", () => {
  const ids = new Set(Array.from({ length: 100 }, makeId));
  assert.equal(ids.size, 100);
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

test("sizes have units", () => {
  assert.equal(formatBytes(79_800, "en"), "79.8 kB");
  assert.equal(formatBytes(3_140_000, "en"), "3.14 MB");
});
