/**
 * Asks for the key again when the session ends, above the view, which keeps what the user has entered.
 */

import { ApiError, readJson, request } from "./api.js";
import { select } from "./elements.js";
import { gettext as _ } from "./i18n.js";

/**
 * Show a form at the event `session-ended`. After the login, it dispatches `session-started`, at which views continue.
 *
 * @param {HTMLFormElement} form
 */
export function offerLogin(form) {
  const text = select("[role=alert]", HTMLElement, form);
  const key = select("input", HTMLInputElement, form);
  const button = select("button", HTMLButtonElement, form);

  document.addEventListener("session-ended", () => {
    if (form.hidden) {
      form.hidden = false;
      text.textContent = _("The session has ended. Log in to continue. What you have entered stays here.");
    }
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const { name } = await request("/login", readJson, {
        method: "POST",
        headers: { Accept: "application/json" },
        body: new URLSearchParams({ key: key.value }),
      });
      select("#account", HTMLElement).textContent = name;
      form.hidden = true;
      document.dispatchEvent(new Event("session-started"));
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      text.textContent = describe(error);
    } finally {
      key.value = "";
      button.disabled = false;
      if (!form.hidden) {
        key.focus();
      }
    }
  });
}

/** @param {ApiError} error */
function describe({ status, message }) {
  switch (status) {
    case 401:
      return _("This key is not valid. It may be mistyped, expired or revoked.");
    case 403:
      return _("This key is not valid in your network.");
    default:
      return message;
  }
}
