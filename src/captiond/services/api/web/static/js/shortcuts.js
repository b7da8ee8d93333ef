/**
 * Keyboard shortcuts of a view, and the dialog that lists them.
 */

/**
 * Call the handler of a key, unless the user types a text or presses a key of the browser.
 *
 * @param {Record<string, (event: KeyboardEvent) => void>} handlers by `KeyboardEvent.key`
 */
export function handleKeys(handlers) {
  document.addEventListener("keydown", (event) => {
    const handle = handlers[event.key];
    if (handle && !event.ctrlKey && !event.metaKey && !event.altKey && !isOccupied(event)) {
      handle(event);
    }
  });
}

/** Show the button and the dialog `#help`. Returns the function that opens it. */
export function enableHelp() {
  const dialog = /** @type {HTMLDialogElement} */ (document.querySelector("#help"));
  const button = /** @type {HTMLButtonElement} */ (document.querySelector("#show-help"));
  const open = () => dialog.showModal();
  button.hidden = false;
  button.addEventListener("click", open);
  return open;
}

/** @param {KeyboardEvent} event */
function isOccupied(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const isTyping = target.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
  return event.defaultPrevented || isTyping || document.querySelector("dialog[open]") !== null;
}
