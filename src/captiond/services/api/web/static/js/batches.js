/**
 * Retries or deletes any number of dead letters by requests that change a limited number each.
 */

import { gettext as _, ngettext } from "./i18n.js";

/** @typedef {"retry" | "drop"} Action */
/** @typedef {{queue: string, entry: string}} Letter */
/** @typedef {{letters: Letter[]} | {all: true, queue?: string, reason?: string, before?: string}} Selection */
/**
 * @typedef {object} Progress
 * @property {number} changed
 * @property {number} missing
 * @property {number} failed
 * @property {number} remaining with `all` and a reason, other dead letters count as well
 * @property {string | null} error why the first of `failed` could not be changed
 * @property {boolean} isDone
 */
/**
 * @typedef {object} Result the body of a response
 * @property {number} [retried]
 * @property {number} [dropped]
 * @property {number} missing
 * @property {number} failed
 * @property {number} remaining
 * @property {string | null} error
 * @property {Selection | null} next
 */

/**
 * Send requests until all is done. Yields the sums after each.
 *
 * @param {(body: Selection) => Promise<Result>} send
 * @param {Selection} selection
 * @returns {AsyncGenerator<Progress>}
 */
export async function* runBatches(send, selection) {
  let [changed, missing, failed] = [0, 0, 0];
  /** @type {string | null} */
  let error = null;
  /** @type {Selection | null} */
  let next = selection;
  while (next) {
    const result = await send(next);
    changed += result.retried ?? result.dropped ?? 0;
    missing += result.missing;
    failed += result.failed;
    error ??= result.error;
    next = result.next;
    yield { changed, missing, failed, remaining: result.remaining, error, isDone: !next };
  }
}

/**
 * Return what a form selects with one of its buttons, null without dead letters.
 *
 * @param {FormData} form
 * @returns {{action: Action, selection: Selection | null}}
 */
export function readForm(form) {
  const button = String(form.get("action") ?? "");
  const action = form.has("drop") || button.startsWith("drop") ? "drop" : "retry";
  if (button.endsWith("-all")) {
    /** @type {Selection} */
    const selection = { all: true };
    for (const name of /** @type {const} */ (["queue", "reason"])) {
      if (form.get(name)) {
        selection[name] = String(form.get(name));
      }
    }
    return { action, selection };
  }
  const names = form.has(action) ? [form.get(action)] : form.getAll("letter");
  const letters = names.map((name) => {
    const [queue = "", entry = ""] = String(name).split("/");
    return { queue, entry };
  });
  return { action, selection: letters.length ? { letters } : null };
}

/**
 * Return the sums as text.
 *
 * @param {Action} action
 * @param {Progress} progress
 * @param {{format: (value: number) => string}} format
 */
export function describe(action, progress, format) {
  const { changed, missing, failed, error } = progress;
  /** @param {number} count */
  const values = (count) => ({ number: format.format(count), reason: error ?? "" });
  const parts = [
    action === "retry"
      ? ngettext("%(number)s returned to its queue.", "%(number)s returned to their queues.", changed, values(changed))
      : ngettext("%(number)s deleted.", "%(number)s deleted.", changed, values(changed)),
  ];
  if (missing) {
    parts.push(ngettext("%(number)s no longer existed.", "%(number)s no longer existed.", missing, values(missing)));
  }
  if (failed) {
    parts.push(_("%(number)s could not be changed: %(reason)s", values(failed)));
  }
  return parts.join(" ");
}
