/**
 * Asks in a dialog before an action, instead of on a page of its own.
 */

/**
 * Let the buttons of a form open the dialog of their action, `#<action>-dialog`.
 *
 * @param {Element | null} form
 */
export function enableDialogs(form) {
  form?.addEventListener("submit", (event) => {
    const button = /** @type {SubmitEvent} */ (event).submitter;
    const dialog = button instanceof HTMLButtonElement ? findDialog(button.value) : null;
    if (dialog) {
      event.preventDefault();
      open(dialog);
    }
  });
}

/**
 * Open the dialog of an action. Resolves with its fields when it is confirmed, else with null.
 *
 * @param {string} action
 * @param {string} count says what is selected
 * @returns {Promise<FormData | null>}
 */
export function ask(action, count) {
  const dialog = findDialog(action);
  const form = dialog?.querySelector("form");
  const place = dialog?.querySelector(".count");
  if (!dialog || !form || !place) {
    throw new Error(`missing dialog: ${action}`);
  }
  place.textContent = count;
  open(dialog);
  return new Promise((resolve) => {
    const onClose = () => resolve(dialog.returnValue ? new FormData(form) : null);
    dialog.addEventListener("close", onClose, { once: true });
  });
}

/** @param {string} action */
function findDialog(action) {
  return /** @type {HTMLDialogElement | null} */ (document.querySelector(`#${action}-dialog`));
}

/** @param {HTMLDialogElement} dialog */
function open(dialog) {
  dialog.returnValue = "";
  const close = /** @type {HTMLButtonElement} */ (dialog.querySelector("[data-close]"));
  close.onclick = () => dialog.close("");
  dialog.showModal();
}
