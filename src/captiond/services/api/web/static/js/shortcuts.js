/**
 * Keyboard shortcuts of a view, and the dialog that lists them.
 */

// Speech input types single characters, so a user can switch those shortcuts off (WCAG 2.1.4).
const OFF_KEY = "captiond-shortcuts-off";

/**
 * Call the handler of a key, unless the user types a text or presses a key of the browser.
 *
 * @param {Record<string, (event: KeyboardEvent) => void>} handlers by `KeyboardEvent.key`
 */
export function handleKeys(handlers) {
  document.addEventListener("keydown", (event) => {
    const handle = handlers[event.key];
    if (handle && !event.ctrlKey && !event.metaKey && !event.altKey && !isOccupied(event) && !isOff(event)) {
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
  const uses = /** @type {HTMLInputElement} */ (dialog.querySelector("#uses-shortcuts"));
  uses.checked = localStorage.getItem(OFF_KEY) === null;
  uses.addEventListener("change", () => {
    if (uses.checked) {
      localStorage.removeItem(OFF_KEY);
    } else {
      localStorage.setItem(OFF_KEY, "1");
    }
  });
  return open;
}

/** @param {KeyboardEvent} event */
function isOccupied(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const isTyping = target.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
  return event.defaultPrevented || isTyping || document.querySelector("dialog[open]") !== null;
}

/** @param {KeyboardEvent} event */
function isOff(event) {
  return event.key.length === 1 && event.key !== " " && localStorage.getItem(OFF_KEY) !== null;
}
