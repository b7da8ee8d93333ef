/**
 * Messages above the form, which screen readers read.
 */

const MAX_LINES = 10;

/**
 * @param {string} text
 * @param {string[]} [lines] details, of which the first are shown
 * @param {"bad" | "good"} [kind]
 */
export function addNotice(text, lines = [], kind = "bad") {
  const notice = document.createElement("div");
  notice.className = `notice ${kind}`;
  const heading = document.createElement("p");
  heading.textContent = text;
  notice.append(heading);
  if (lines.length > 0) {
    const list = document.createElement("ul");
    for (const line of lines.slice(0, MAX_LINES)) {
      const entry = document.createElement("li");
      entry.textContent = line;
      list.append(entry);
    }
    if (lines.length > MAX_LINES) {
      const rest = document.createElement("li");
      rest.textContent = `… +${lines.length - MAX_LINES}`;
      list.append(rest);
    }
    notice.append(list);
  }
  document.querySelector("#notices")?.append(notice);
}

export function clearNotices() {
  document.querySelector("#notices")?.replaceChildren();
}
