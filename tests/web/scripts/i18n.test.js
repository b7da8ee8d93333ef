import assert from "node:assert/strict";
import { test } from "node:test";

import { createTranslator } from "../../../src/captiond/services/api/web/static/js/i18n.js";

const russian = createTranslator(
  {
    Archive: "Архив",
    "%(name)s failed": "%(name)s: ошибка",
    "%(count)s image": ["%(count)s снимок", "%(count)s снимка", "%(count)s снимков"],
  },
  "ru",
);

test("a text without translation stays English", () => {
  assert.equal(russian.gettext("Send"), "Send");
});

test("placeholders are replaced in the translation", () => {
  assert.equal(russian.gettext("%(name)s failed", { name: "1.jpg" }), "1.jpg: ошибка");
});

test("Russian plurals follow the number", () => {
  const plural = (/** @type {number} */ count) => russian.ngettext("%(count)s image", "%(count)s images", count);
  assert.deepEqual([1, 2, 5, 21].map(plural), ["1 снимок", "2 снимка", "5 снимков", "21 снимок"]);
});

test("English plurals need no translation", () => {
  const { ngettext } = createTranslator({}, "en");
  const plural = (/** @type {number} */ count) => ngettext("%(count)s image", "%(count)s images", count);
  assert.deepEqual([0, 1, 2].map(plural), ["0 images", "1 image", "2 images"]);
});

test("an unknown placeholder stays", () => {
  assert.equal(russian.gettext("%(missing)s"), "%(missing)s");
});
