/**
 * Parts of pages: requests them as HTML, and merges them into the page.
 */

import { ApiError, checkSession, url } from "./api.js";
import { gettext as _ } from "./i18n.js";

const TIMEOUT_MS = 20_000;

/**
 * Request HTML. XMLHttpRequest parses it without a Trusted Types policy. Throws ApiError.
 *
 * @param {string} path
 * @returns {Promise<Document>}
 */
export function fetchDocument(path) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url(path));
    request.responseType = "document";
    request.timeout = TIMEOUT_MS;
    request.setRequestHeader("Accept", "text/html");
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest"); // no redirect to the login
    const fail = () => reject(new ApiError(0, "unreachable", _("The server cannot be reached.")));
    request.addEventListener("error", fail);
    request.addEventListener("timeout", fail);
    request.addEventListener("load", () => {
      if (request.status === 200 && request.responseXML) {
        resolve(request.responseXML);
      } else {
        checkSession(request.status);
        const text = request.responseXML?.querySelector("main p:not(noscript p)")?.textContent?.trim();
        reject(new ApiError(request.status, "", text || String(request.status)));
      }
    });
    request.send();
  });
}

/**
 * Make the children of `element` equal to those of `source`. Elements that stay keep their focus, their selection and
 * what the user has entered or opened. Elements are compared by id, those without one by position and name. An element
 * with the attribute `data-keep` keeps its contents.
 *
 * @param {Element} element
 * @param {Element} source
 */
export function merge(element, source) {
  let position = element.firstChild;
  for (const wanted of [...source.childNodes]) {
    const found = find(element, position, wanted);
    if (found === null) {
      element.insertBefore(document.importNode(wanted, true), position);
      continue;
    }
    while (position !== null && position !== found) {
      position = remove(position);
    }
    update(found, wanted);
    position = found.nextSibling;
  }
  while (position !== null) {
    position = remove(position);
  }
}

/**
 * Return the node that stays for a wanted one: with its id behind the position, or without id at the position.
 *
 * @param {Element} parent
 * @param {ChildNode | null} position
 * @param {ChildNode} wanted
 * @returns {ChildNode | null}
 */
function find(parent, position, wanted) {
  if (wanted instanceof Element && wanted.id) {
    let next = position;
    while (next !== null && !(next instanceof Element && next.id === wanted.id)) {
      next = next.nextSibling;
    }
    return next?.parentNode === parent && next.nodeName === wanted.nodeName ? next : null;
  }
  const isEqual = position?.nodeName === wanted.nodeName && !(position instanceof Element && position.id);
  return isEqual ? position : null;
}

/** @param {ChildNode} node */
function remove(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

/**
 * @param {ChildNode} node
 * @param {ChildNode} wanted
 */
function update(node, wanted) {
  if (!(node instanceof Element) || !(wanted instanceof Element)) {
    if (node.nodeValue !== wanted.nodeValue) {
      node.nodeValue = wanted.nodeValue;
    }
    return;
  }
  if (!node.hasAttribute("data-keep")) {
    updateAttributes(node, wanted);
    merge(node, wanted);
  }
}

/**
 * @param {Element} element
 * @param {Element} wanted
 */
function updateAttributes(element, wanted) {
  for (const { name } of [...element.attributes]) {
    if (!wanted.hasAttribute(name) && !(name === "open" && element instanceof HTMLDetailsElement)) {
      element.removeAttribute(name);
    }
  }
  for (const { name, value } of wanted.attributes) {
    if (element.getAttribute(name) !== value) {
      element.setAttribute(name, value);
    }
  }
}
