/**
 * Typed access to elements that the page must have.
 */

/**
 * Return the first element that matches. Throws if there is none, or of another class.
 *
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} type
 * @param {ParentNode} [parent]
 * @returns {T}
 */
export function select(selector, type, parent = document) {
  const found = parent.querySelector(selector);
  if (!(found instanceof type)) {
    throw new Error(`missing element: ${selector}`);
  }
  return found;
}
