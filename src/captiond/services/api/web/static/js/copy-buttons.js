/**
 * Shows the buttons `data-copy`, which copy a text. `#copied` announces the result.
 */

import { copyText } from "./clipboard.js";
import { gettext as _ } from "./i18n.js";

const SHOWN_MS = 3000;

/**
 * Copy a text, and say so on the button.
 *
 * @param {HTMLElement} button
 * @param {string} text
 */
export async function copy(button, text) {
  const isCopied = await copyText(text);
  const announced = isCopied ? _("Copied") : _("The browser did not allow to copy.");
  const before = button.dataset.text ?? button.textContent ?? "";
  button.dataset.text = before;
  button.textContent = isCopied ? _("Copied") : before;
  const status = /** @type {HTMLElement} */ (document.querySelector("#copied"));
  status.textContent = announced;
  setTimeout(() => {
    button.textContent = before;
    status.textContent = "";
  }, SHOWN_MS);
}

for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-copy]"))) {
  button.hidden = false;
  button.addEventListener("click", () => void copy(button, button.dataset.copy ?? ""));
}
