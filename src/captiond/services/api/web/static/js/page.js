/**
 * Runs on every page: removes the choice of language and theme from the address, once the server has stored it, and
 * offers the login when the session ends.
 */

import { offerLogin } from "./login.js";

const address = new URL(location.href);
for (const name of ["language", "theme"]) {
  address.searchParams.delete(name);
}
if (address.href !== location.href) {
  history.replaceState(history.state, "", address);
}

const login = document.querySelector("#session-ended");
if (login instanceof HTMLFormElement) {
  offerLogin(login);
}
