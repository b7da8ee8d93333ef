import assert from "node:assert/strict";
import { after, test } from "node:test";

import { ApiError, may, readJson, request } from "../../../src/captiond/services/api/web/static/js/api.js";

const browserFetch = globalThis.fetch;
// @ts-expect-error a part of the document
globalThis.document = { documentElement: { dataset: {} } };

/** @param {() => Promise<Response>} answer */
function answerWith(answer) {
  globalThis.fetch = answer;
}

after(() => {
  globalThis.fetch = browserFetch;
});

const isUnreachable = (/** @type {unknown} */ error) =>
  error instanceof ApiError && error.isTemporary && error.type === "unreachable";

test("the body of a response is read", async () => {
  answerWith(async () => Response.json({ status: "stored" }));

  assert.deepEqual(await request("/path", readJson), { status: "stored" });
});

test("a request without a response may be repeated", async () => {
  answerWith(() => Promise.reject(new TypeError("Failed to fetch")));

  await assert.rejects(request("/path", readJson), isUnreachable);
});

test("a request whose response ends early may be repeated", async () => {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"status":'));
      controller.error(new TypeError("network error"));
    },
  });
  answerWith(async () => new Response(body));

  await assert.rejects(request("/path", readJson), isUnreachable);
});

test("a problem document becomes an error", async () => {
  const problem = { type: "urn:captiond:problem:unavailable", detail: "Redis is unavailable." };
  answerWith(async () => Response.json(problem, { status: 503, headers: { "retry-after": "7" } }));

  await assert.rejects(request("/path", readJson), (error) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual(
      [error.status, error.type, error.message, error.retryAfterSeconds],
      [503, "unavailable", "Redis is unavailable.", 7],
    );
    return true;
  });
});

test("a request without a session may be repeated, and announces the end of the session", async () => {
  const document = Object.assign(new EventTarget(), { documentElement: { dataset: {} } });
  // @ts-expect-error a part of the document
  globalThis.document = document;
  let announced = 0;
  document.addEventListener("session-ended", () => {
    announced += 1;
  });

  answerWith(async () => Response.json({ type: "urn:captiond:problem:unauthorized" }, { status: 401 }));
  await assert.rejects(
    request("/path", readJson),
    (error) => error instanceof ApiError && error.isTemporary && error.type === "unauthorized",
  );
  answerWith(async () => Response.json({}, { status: 403 }));
  await assert.rejects(request("/path", readJson), (error) => error instanceof ApiError && !error.isTemporary);

  assert.equal(announced, 1);
});

test("scopes are those of the page, and without access control all", () => {
  // @ts-expect-error a part of the document
  globalThis.document = { documentElement: { dataset: { scopes: "operate upload" } } };
  assert.deepEqual([may("upload"), may("read")], [true, false]);

  // @ts-expect-error a part of the document
  globalThis.document = { documentElement: { dataset: {} } };
  assert.equal(may("read"), true);
});
