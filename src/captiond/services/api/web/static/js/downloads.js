/**
 * Downloads that scripts start.
 */

const KEPT_MS = 60_000;

/**
 * Let the browser store a text as a file.
 *
 * @param {string} text
 * @param {string} type a media type
 * @param {string} name of the file
 */
export function downloadText(text, type, name) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  download(address, name);
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}

/**
 * Let the browser store what an address returns, under the name that the server chooses unless there is one.
 *
 * @param {string} address
 * @param {string} [name]
 */
export function download(address, name = "") {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}
