import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../../../src/captiond/services/api/web/static/js/api.js";
import { pauseSeconds, UploadQueue } from "../../../src/captiond/services/api/web/static/js/send/queue.js";

const UNAVAILABLE = new ApiError(503, "unavailable", "Redis is unavailable.", 7);

/** A queue whose uploads and timers the test ends. */
function makeQueue() {
  /** @type {Map<string, {resolve: (value?: any) => void, reject: (error: unknown) => void}>} */
  const uploads = new Map();
  /** @type {Array<{callback: () => void, milliseconds: number}>} */
  const timers = [];
  /** @type {Array<string | null>} */
  const pauses = [];
  /** @type {string[]} */
  const started = [];
  const queue = new UploadQueue({
    upload: (id) =>
      new Promise((resolve, reject) => {
        started.push(id);
        uploads.set(id, { resolve, reject });
      }),
    onPause: (error) => pauses.push(error?.type ?? null),
    parallel: 3,
    setTimer(callback, milliseconds) {
      const timer = { callback, milliseconds };
      timers.push(timer);
      return timer;
    },
    clearTimer: (timer) => void timers.splice(timers.indexOf(timer), timer ? 1 : 0),
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    queue,
    started,
    timers,
    pauses,
    async succeed(/** @type {string} */ id) {
      uploads.get(id)?.resolve();
      await settle();
    },
    async fail(/** @type {string} */ id) {
      uploads.get(id)?.reject(UNAVAILABLE);
      await settle();
    },
    async elapse() {
      timers.shift()?.callback();
      await settle();
    },
  };
}

test("three uploads run in parallel, in order", async () => {
  const { queue, started, succeed } = makeQueue();
  queue.add("a", "b", "c", "d", "e");
  assert.deepEqual(started, ["a", "b", "c"]);
  await succeed("b");
  assert.deepEqual(started, ["a", "b", "c", "d"]);
});

test("a temporary error pauses all uploads for the time that the server requires", async () => {
  const { queue, started, timers, pauses, fail, elapse, succeed } = makeQueue();
  queue.add("a", "b", "c", "d");
  await fail("a");
  await fail("b");
  await fail("c");

  assert.deepEqual(pauses, ["unavailable"]);
  assert.equal(timers.length, 1);
  assert.equal(timers[0]?.milliseconds, 7000);
  assert.equal(started.length, 3);

  await elapse();
  assert.equal(started.length, 4, "one upload probes the server");
  await succeed(started[3] ?? "");
  assert.deepEqual(pauses, ["unavailable", null]);
  assert.deepEqual(started.slice(4).sort().length, 3);
});

test("every upload is repeated until it succeeds", async () => {
  const { queue, started, pauses, fail, elapse, succeed } = makeQueue();
  queue.add("a");
  for (let attempt = 0; attempt < 5; attempt += 1) {
    await fail("a");
    await elapse();
  }
  await succeed("a");
  assert.deepEqual(started, Array(6).fill("a"));
  assert.equal(pauses.at(-1), null);
});

test("a pause can be ended", async () => {
  const { queue, started, timers, fail } = makeQueue();
  queue.add("a");
  await fail("a");
  queue.retryNow();
  assert.deepEqual(started, ["a", "a"]);
  assert.deepEqual(timers, []);
  queue.retryNow();
  assert.deepEqual(started, ["a", "a"]);
});

test("a removed upload is not started", async () => {
  const { queue, started, succeed } = makeQueue();
  queue.add("a", "b", "c", "d", "e");
  queue.remove("d");
  await succeed("a");
  assert.deepEqual(started, ["a", "b", "c", "e"]);
});

test("pauses grow up to 30 seconds, and are never shorter than the server requires", () => {
  assert.deepEqual(
    [1, 2, 3, 6, 50].map((failures) => pauseSeconds(failures, 0, 1)),
    [1, 2, 4, 30, 30],
  );
  assert.equal(pauseSeconds(1, 0, 0), 0.5);
  assert.equal(pauseSeconds(1, 5, 0), 5);
});
