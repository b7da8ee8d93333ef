/**
 * Stores the list in IndexedDB, with the files that are not archived yet, so that it survives the window.
 */

/** @typedef {import("./items.js").Item} Item */

const VERSION = 1;

/**
 * @typedef {object} Stored
 * @property {Item} item
 * @property {Blob | undefined} file
 */

export class Store {
  #database;

  /** @param {IDBDatabase} database */
  constructor(database) {
    this.#database = database;
  }

  /**
   * Open the database, or return null where the browser forbids it, for example in private windows.
   *
   * @param {string} name
   * @returns {Promise<Store | null>}
   */
  static async open(name) {
    try {
      const opening = indexedDB.open(name, VERSION);
      opening.addEventListener("upgradeneeded", () => {
        opening.result.createObjectStore("items", { keyPath: "id" }).createIndex("owner", "owner");
        opening.result.createObjectStore("files");
      });
      return new Store(await result(opening));
    } catch {
      return null;
    }
  }

  /**
   * Store new items with their files. Throws DOMException if the disk space does not suffice.
   *
   * @param {Stored[]} added
   */
  async add(added) {
    const transaction = this.#begin();
    for (const { item, file } of added) {
      transaction.objectStore("items").put(item);
      transaction.objectStore("files").put(file, item.id);
    }
    await finished(transaction);
  }

  /**
   * Store changed items. An item that another window took or removed is not stored again.
   *
   * @param {Item[]} items
   */
  async update(items) {
    const transaction = this.#begin();
    const store = transaction.objectStore("items");
    for (const item of items) {
      const reading = store.get(item.id);
      reading.addEventListener("success", () => {
        if (reading.result?.owner === item.owner) {
          store.put(item);
        }
      });
      if (item.state === "stored") {
        transaction.objectStore("files").delete(item.id);
      }
    }
    await finished(transaction);
  }

  /** @param {string[]} ids */
  async remove(ids) {
    const transaction = this.#begin();
    for (const id of ids) {
      transaction.objectStore("items").delete(id);
      transaction.objectStore("files").delete(id);
    }
    await finished(transaction);
  }

  /**
   * Return the ids of the windows that have items.
   *
   * @returns {Promise<string[]>}
   */
  async listOwners() {
    /** @type {Item[]} */
    const items = await result(this.#begin().objectStore("items").getAll());
    return [...new Set(items.map(({ owner }) => owner))];
  }

  /**
   * Make all items of some windows those of another window, and return them with their files, in order.
   *
   * @param {string[]} owners
   * @param {string} owner
   * @returns {Promise<Stored[]>}
   */
  async claim(owners, owner) {
    const transaction = this.#begin();
    const items = transaction.objectStore("items");
    const files = transaction.objectStore("files");
    /** @type {Stored[]} */
    const claimed = [];
    for (const previous of owners) {
      const reading = items.index("owner").getAll(previous);
      reading.addEventListener("success", () => {
        for (const item of /** @type {Item[]} */ (reading.result)) {
          item.owner = owner;
          items.put(item);
          const readingFile = files.get(item.id);
          readingFile.addEventListener("success", () => claimed.push({ item, file: readingFile.result }));
        }
      });
    }
    await finished(transaction);
    return claimed.sort((a, b) => a.item.position - b.item.position);
  }

  #begin() {
    return this.#database.transaction(["items", "files"], "readwrite");
  }
}

/**
 * @template T
 * @param {IDBRequest<T>} reading
 * @returns {Promise<T>}
 */
function result(reading) {
  return new Promise((resolve, reject) => {
    reading.addEventListener("success", () => resolve(reading.result));
    reading.addEventListener("error", () => reject(reading.error));
  });
}

/**
 * @param {IDBTransaction} transaction
 * @returns {Promise<void>}
 */
function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.addEventListener("complete", () => resolve());
    transaction.addEventListener("abort", () => reject(transaction.error));
  });
}
