/**
 * Runs on every page: removes the choice of language and theme from the address, once the server has stored it.
 */

const address = new URL(location.href);
for (const name of ["language", "theme"]) {
  address.searchParams.delete(name);
}
if (address.href !== location.href) {
  history.replaceState(history.state, "", address);
}
