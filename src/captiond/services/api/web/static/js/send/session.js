/**
 * Values of one tab, which survive a reload. A browser may forbid them.
 */

/** @param {string} key */
export function readSession(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
export function writeSession(key, value) {
  try {
    sessionStorage.setItem(key, value);
  } catch {
    // The value is lost at a reload.
  }
}
