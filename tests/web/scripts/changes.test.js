import assert from "node:assert/strict";
import test from "node:test";

import { ApiError } from "../../../src/captiond/services/api/web/static/js/api.js";
import { changeImages } from "../../../src/captiond/services/api/web/static/js/changes.js";

const HELD = new ApiError(409, "image-held", "The image has a legal hold.");
const GONE = new ApiError(410, "image-deleted", "The image was deleted.");
const BUSY = new ApiError(429, "rate-limited", "Too many requests.", 7);

/**
 * Run to the end with a server that answers with these errors, in order; null: success.
 *
 * @param {(ApiError | null)[]} answers
 * @param {"hold" | "release" | "delete"} action
 * @param {string[]} ids
 */
async function run(answers, action, ids, reason = "", signal = new AbortController().signal) {
  /** @type {string[]} */
  const sent = [];
  /** @type {number[]} */
  const waits = [];
  const send = async (/** @type {string} */ path, /** @type {RequestInit} */ { method }) => {
    sent.push(`${method} ${path}`);
    const error = answers.shift();
    if (error) {
      throw error;
    }
  };
  const wait = async (/** @type {number} */ seconds) => void waits.push(seconds);
  let last;
  for await (const progress of changeImages(action, ids, reason, signal, send, wait)) {
    last = progress;
  }
  return { last, sent, waits };
}

test("an image that cannot be changed does not stop the others", async () => {
  const { last, sent } = await run([null, HELD, GONE], "delete", ["a", "b", "c"], "order 7");

  assert.deepEqual(last, {
    changed: ["a", "c"],
    failed: [{ id: "b", type: "image-held", reason: HELD.message }],
    done: 3,
  });
  assert.deepEqual(
    sent,
    ["a", "b", "c"].map((id) => `DELETE /api/images/${id}?reason=order+7`),
  );
});

test("a hold of a deleted image fails", async () => {
  const { last, sent } = await run([GONE, null], "hold", ["a", "b"]);

  assert.deepEqual(last, {
    changed: ["b"],
    failed: [{ id: "a", type: "image-deleted", reason: GONE.message }],
    done: 2,
  });
  assert.equal(sent[0], "PUT /api/images/a/hold");
});

test("a busy server is asked again after the time it names", async () => {
  const { last, sent, waits } = await run([BUSY, null], "release", ["a"]);

  assert.deepEqual(last?.changed, ["a"]);
  assert.deepEqual(sent, ["DELETE /api/images/a/hold", "DELETE /api/images/a/hold"]);
  assert.deepEqual(waits, [7]);
});

test("a server that stays busy and a session that has ended interrupt the change", async () => {
  await assert.rejects(run(Array(5).fill(BUSY), "hold", ["a", "b"]), { type: "rate-limited" });
  await assert.rejects(run([new ApiError(401, "unauthorized", "No key.")], "hold", ["a"]), { status: 401 });
});

test("a stop ends the wait for a busy server", async () => {
  const stopping = new AbortController();
  /** @type {string[]} */
  const sent = [];
  const send = async (/** @type {string} */ path) => {
    sent.push(path);
    setImmediate(() => stopping.abort());
    throw new ApiError(429, "rate-limited", "Too many requests.", 3600);
  };

  const changing = changeImages("hold", ["a", "b"], "", stopping.signal, send).next();

  await assert.rejects(changing, { type: "rate-limited" });
  assert.deepEqual(sent, ["/api/images/a/hold", "/api/images/a/hold"]);
});

test("a stop ends the change before the next image", async () => {
  const { last, sent } = await run([], "hold", ["a"], "", AbortSignal.abort());

  assert.equal(last, undefined);
  assert.deepEqual(sent, []);
});
