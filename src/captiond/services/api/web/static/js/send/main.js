/**
 * The view that sends images: connects form, list, preview and uploads.
 */

import { downloadText } from "../downloads.js";
import { gettext as _, ngettext } from "../i18n.js";
import { Batch } from "./batch.js";
import { findDescriptionFault, findFileFault, readLimits } from "./checks.js";
import { CsvError, decodeCsv, matchingName, parseCaptions } from "./csv.js";
import { collect, filterFolder, isCsv } from "./files.js";
import { SendForm } from "./form.js";
import { countStates, isFollowed, isInFlight, isRetryable } from "./items.js";
import { ItemList } from "./list.js";
import { addNotice, clearNotices } from "./notices.js";
import { Preview } from "./preview.js";
import { readSession, writeSession } from "./session.js";
import { Store } from "./store.js";
import { describeCounts, describeFault } from "./texts.js";
import { OpenWindows } from "./windows.js";

/** @typedef {import("./items.js").Item} Item */

const MAX_ITEMS = 1000;
const UNSAVED_KEY = "captiond-send-unsaved";
// A screen reader reads every change of the summary.
const SUMMARY_MS = 500;
const STORED_DAY_MS = 86_400_000;

/**
 * @param {string} id
 * @returns {any} the element
 */
const element = (id) => document.getElementById(id);

const APPLICATION = `captiond-send${document.documentElement.dataset.root ?? ""}`;
const formElement = /** @type {HTMLFormElement} */ (element("send-form"));
const limits = readLimits(formElement.dataset);

/** @type {string | null} */
let chosen = null;
let summaryTimer = 0;
/** @type {Map<string, import("./csv.js").Caption>} the last CSV file, also for images that are added later */
let captions = new Map();

for (const scripted of document.querySelectorAll("[data-scripted]")) {
  /** @type {HTMLElement} */ (scripted).hidden = false;
}
const filesInput = /** @type {HTMLInputElement} */ (element("files"));
filesInput.multiple = true;
filesInput.classList.add("visually-hidden"); // its label is the button
const filesLabel = /** @type {HTMLElement} */ (filesInput.nextElementSibling);
filesLabel.classList.add("button", "primary");
filesLabel.textContent = _("Choose JPEG files");
formElement.noValidate = true;
let isReady = false;
formElement.addEventListener("submit", (event) => {
  event.preventDefault();
  if (isReady) {
    void send();
  }
});

const preview = new Preview(element("preview"));
const list = new ItemList(element("items"), element("item-template"), {
  findFile: (id) => batch.findFile(id),
  canRetry: (item) => batch.canRetry(item),
  describe(id, description) {
    batch.describe(id, description);
    showPreview();
  },
  choose,
  retry: (id) => batch.retry([id]),
  remove: (id) => batch.remove([id]),
  saveReceipt(id) {
    const item = batch.items.get(id);
    downloadText(item?.receipt ?? "", "application/jose", `captiond-${item?.imageId}-receipt.jws`);
  },
});

const windows = new OpenWindows(APPLICATION);
const store = await Store.open(APPLICATION);
const stored = await claimList();
windows.remember();
const batch = new Batch(store, windows.id, {
  show(item) {
    list.show(item);
    updateSoon();
  },
  showProgress: (id, sent) => list.showProgress(id, sent),
  hide(id) {
    list.hide(id);
    if (chosen === id) {
      choose(null);
    }
    updateSoon();
  },
  showPause(error) {
    element("pause").hidden = error === null;
    element("pause-reason").textContent = error
      ? _("%(reason)s Uploads continue automatically.", {
          reason: describeFault({ type: error.type, detail: error.message }),
        })
      : "";
  },
  showVolatile() {
    addNotice(_("The browser cannot store the list. Keep this window open until all images are sent."));
  },
});
const form = new SendForm(formElement, limits, () => {
  list.showCommon(form.description);
  showPreview();
});
void batch.restore(stored, JSON.parse(readSession(UNSAVED_KEY) ?? "[]")).then(() => writeSession(UNSAVED_KEY, "[]"));
list.showCommon(form.description);
chooseFirst();
listen();
isReady = true;
takeFiles(); // chosen while the scripts were loading
document.documentElement.dataset.ready = "send";

/** Take the list of this window, and those of closed windows. */
async function claimList() {
  const owners = (await store?.listOwners()) ?? [];
  if (!store || owners.length === 0) {
    return [];
  }
  const others = await windows.findOthers();
  const claimed = await store.claim(
    owners.filter((owner) => !others.has(owner)),
    windows.id,
  );
  const old = claimed.filter(({ item }) => item.state === "stored" && item.changedAt < Date.now() - STORED_DAY_MS);
  await store.remove(old.map(({ item }) => item.id));
  return claimed.filter((each) => !old.includes(each));
}

function listen() {
  filesInput.addEventListener("change", takeFiles);
  for (const [button, input] of [
    ["choose-folder", "folder"],
    ["choose-csv", "csv"],
  ]) {
    element(button ?? "").addEventListener("click", () => element(input ?? "").click());
    element(input ?? "").addEventListener("change", () => {
      const { files } = element(input ?? "");
      void addFiles(input === "folder" ? filterFolder(files) : { files: [...files], skipped: 0 });
      element(input ?? "").value = "";
    });
  }
  listenForDrops();
  document.addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData && [...clipboardData.items].some((item) => item.kind === "file")) {
      void collect(clipboardData).then(addFiles);
    }
  });
  element("retry-now").addEventListener("click", () => batch.retryNow());
  addEventListener("online", () => batch.retryNow());
  document.addEventListener("session-started", () => {
    batch.retryNow();
    showPreview();
  });
  element("retry-all").addEventListener("click", () => batch.retry(find((item) => isRetryable(item))));
  element("clear").addEventListener("click", () => removeAll(isDone));
  element("discard").addEventListener("click", () => removeAll((item) => item.state === "draft"));
  // A transaction of IndexedDB may not end before the page does.
  addEventListener("pagehide", () => writeSession(UNSAVED_KEY, JSON.stringify(batch.unsaved)));
  addEventListener("beforeunload", (event) => {
    if (batch.isVolatile) {
      event.preventDefault();
    }
  });
}

function takeFiles() {
  const files = [...(filesInput.files ?? [])];
  filesInput.value = "";
  if (files.length > 0) {
    void addFiles({ files, skipped: 0 });
  }
}

function listenForDrops() {
  const zone = element("drop-zone");
  /** @param {DragEvent} event */
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (hasFiles(event)) {
      event.preventDefault();
      zone.classList.add("over");
    }
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) {
      zone.classList.remove("over");
    }
  });
  document.addEventListener("drop", (event) => {
    zone.classList.remove("over");
    if (event.dataTransfer && hasFiles(event)) {
      event.preventDefault();
      void collect(event.dataTransfer).then(addFiles);
    }
  });
}

/** @param {import("./files.js").Collected} collected */
async function addFiles({ files, skipped }) {
  clearNotices();
  const photos = files.filter((file) => !isCsv(file));
  const room = Math.max(0, MAX_ITEMS - batch.items.size);
  if (photos.length > room) {
    addNotice(_("The list has room for %(count)s images. The rest was not added.", { count: MAX_ITEMS }));
  }
  const checked = await Promise.all(
    photos.slice(0, room).map(async (file) => ({ file, fault: await findFileFault(file, limits) })),
  );
  const refused = checked.filter(({ fault }) => fault);
  if (refused.length > 0) {
    addNotice(
      ngettext("%(count)s file was not added:", "%(count)s files were not added:", refused.length),
      refused.map(({ file, fault }) => `${file.name}: ${fault}`),
    );
  }
  if (skipped > 0) {
    addNotice(ngettext("%(count)s other file was skipped.", "%(count)s other files were skipped.", skipped));
  }
  const accepted = checked.filter(({ fault }) => !fault).map(({ file }) => file);
  await batch.add(accepted);
  applyCaptions(false);
  list.showCommon(form.description);
  chooseFirst();
  for (const csv of files.filter(isCsv)) {
    await readCsv(csv);
  }
}

/** @param {File} csv */
async function readCsv(csv) {
  try {
    const text = decodeCsv(await csv.arrayBuffer());
    captions = parseCaptions(text, (description) => findDescriptionFault(description, limits));
  } catch (error) {
    if (!(error instanceof CsvError || error instanceof DOMException)) {
      throw error;
    }
    addNotice(`${csv.name}: ${error.message}`);
    return;
  }
  const matched = applyCaptions(true);
  addNotice(
    ngettext("%(count)s description was read.", "%(count)s descriptions were read.", matched.size),
    [],
    matched.size > 0 ? "good" : "bad",
  );
  const unmatched = [...captions.values()].filter((caption) => !matched.has(caption));
  if (unmatched.length > 0) {
    addNotice(
      _("No image in the list for:"),
      unmatched.map((caption) => caption.file),
    );
  }
  const undescribed = findDrafts().filter((item) => !item.description);
  if (undescribed.length > 0) {
    addNotice(
      _("No description for:"),
      undescribed.map((item) => item.name),
    );
  }
  showPreview();
}

/**
 * Describe the drafts that the last CSV file lists.
 *
 * @param {boolean} replaces whether to replace descriptions
 * @returns {Set<import("./csv.js").Caption>} the captions of drafts
 */
function applyCaptions(replaces) {
  const matched = new Set();
  for (const item of findDrafts()) {
    const caption = captions.get(matchingName(item.name));
    if (caption) {
      matched.add(caption);
      if (replaces || !item.description) {
        batch.describe(item.id, caption.description);
      }
    }
  }
  return matched;
}

function findDrafts() {
  return [...batch.items.values()].filter((item) => item.state === "draft");
}

async function send() {
  const drafts = findDrafts();
  clearNotices();
  if (drafts.length === 0) {
    addNotice(_("Choose at least one JPEG."));
    filesInput.focus();
    return;
  }
  const invalid = drafts.find((item) => item.description && findDescriptionFault(item.description, limits));
  if (invalid) {
    list.showFault(invalid.id, findDescriptionFault(invalid.description, limits));
    return;
  }
  if (!form.check(drafts.some((item) => !item.description))) {
    return;
  }
  element("send").focus(); // a focused description would disappear
  await batch.send(form.description, form.fields);
  element("list-heading").scrollIntoView({ block: "start" });
}

/** @param {string | null} id */
function choose(id) {
  chosen = id;
  list.markChosen(id);
  showPreview();
}

/** Choose the first draft, unless one is chosen. */
function chooseFirst() {
  const id = find((item) => item.state === "draft")[0];
  if (id && batch.items.get(chosen ?? "")?.state !== "draft") {
    choose(id);
  }
}

function showPreview() {
  const item = batch.items.get(chosen ?? "");
  const file = chosen === null ? undefined : batch.findFile(chosen);
  element("preview-empty").hidden = Boolean(item && file);
  if (!item || !file) {
    preview.show(null);
    return;
  }
  const isDraft = item.state === "draft";
  const description = item.description || (isDraft ? form.description : "");
  preview.show({
    name: item.name,
    file,
    description,
    fault: findDescriptionFault(description, limits),
    fields: isDraft ? form.fields : item.fields,
  });
}

function updateSoon() {
  if (summaryTimer === 0) {
    summaryTimer = setTimeout(update, SUMMARY_MS);
  }
}

function update() {
  summaryTimer = 0;
  const counts = countStates(batch.items.values());
  const failed = counts.failed + counts.refused;
  const unsent = counts.waiting + counts.sending;
  const done = find(isDone).length;
  const sent = batch.items.size - counts.draft;
  setText(element("summary"), describeCounts(counts));
  element("list-section").hidden = batch.items.size === 0;
  element("total").hidden = sent === 0;
  element("total").value = sent ? (done + failed) / sent : 0;
  element("retry-all").hidden = !find((item) => batch.canRetry(item)).length;
  element("clear").hidden = done === 0;
  element("discard").hidden = counts.draft === 0;
  element("safe").hidden = unsent === 0 || batch.isVolatile;
  setText(
    element("send"),
    counts.draft ? ngettext("Send %(count)s image", "Send %(count)s images", counts.draft) : _("Send to the archive"),
  );
}

/**
 * @param {HTMLElement} place
 * @param {string} text
 */
function setText(place, text) {
  if (place.textContent !== text) {
    place.textContent = text;
  }
}

/**
 * @param {(item: Item) => boolean} predicate
 * @returns {string[]} the ids
 */
function find(predicate) {
  return [...batch.items.values()].filter(predicate).map((item) => item.id);
}

/** Whether nothing more will be known of an image that the server has accepted. @param {Item} item */
function isDone(item) {
  return item.state === "stored" || (isInFlight(item) && !isFollowed(item));
}

/** @param {(item: Item) => boolean} predicate */
async function removeAll(predicate) {
  await batch.remove(find(predicate));
  chooseFirst();
  filesInput.focus();
}
