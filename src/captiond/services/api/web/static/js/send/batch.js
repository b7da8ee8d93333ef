/**
 * The list of images: sends them, follows their states and stores both.
 */

import { ApiError, may } from "../api.js";
import { isFollowed, isProgress, isRetryable, isUnsent, makeId } from "./items.js";
import { UploadQueue } from "./queue.js";
import { StateFollower } from "./states.js";
import { upload } from "./upload.js";

/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./items.js").ServerState} ServerState */
/** @typedef {import("./store.js").Stored} Stored */

const SAVE_MS = 150;
/** The browser can no longer read a file, which was moved or changed. */
export const UNREADABLE = "unreadable";

/**
 * @typedef {object} View
 * @property {(item: Item) => void} show a new or changed item
 * @property {(id: string, sent: number) => void} showProgress from 0 to 1
 * @property {(id: string) => void} hide a removed item
 * @property {(error: ApiError | null) => void} showPause why uploads wait; null: they continue
 * @property {() => void} showVolatile the list will not survive this window
 */

export class Batch {
  /** @type {Map<string, Item>} */
  items = new Map();
  /** @type {Map<string, Blob>} */
  #files = new Map();
  /** @type {Map<string, Item>} */
  #byImage = new Map();
  /** @type {Set<Item>} */
  #unsaved = new Set();
  /** @type {Set<Item[]>} the changes whose transactions have not ended */
  #saving = new Set();
  #saveTimer = 0;
  #store;
  #owner;
  #view;
  #queue;
  #follower;

  /**
   * @param {import("./store.js").Store | null} store
   * @param {string} owner id of the window
   * @param {View} view
   */
  constructor(store, owner, view) {
    this.#store = store;
    this.#owner = owner;
    this.#view = view;
    this.#queue = new UploadQueue({ upload: (id) => this.#upload(id), onPause: (error) => view.showPause(error) });
    this.#follower = new StateFollower({
      listPending: () => this.#listPending(),
      isListed: (id) => this.#byImage.has(id),
      onState: (id, state, fault) => this.#report(id, state, fault),
    });
  }

  /** Whether closing the window would lose images. */
  get isVolatile() {
    return this.#store === null && [...this.items.values()].some((item) => item.state === "draft" || isUnsent(item));
  }

  /** Changes that are not stored yet. The browser aborts a transaction that has not ended before the page does. */
  get unsaved() {
    return [...new Set([...this.#unsaved, ...[...this.#saving].flat()])];
  }

  /**
   * Continue a stored list. The result is fulfilled when its changes are stored.
   *
   * @param {Stored[]} stored
   * @param {Item[]} changed items that were changed after they were stored
   */
  async restore(stored, changed) {
    const changes = new Map(changed.map((item) => [item.id, item]));
    for (const { item, file } of stored) {
      const { owner } = item;
      Object.assign(item, changes.get(item.id), { owner });
      if (item.state === "sending") {
        item.state = "waiting";
      }
      this.#insert(item, file);
      this.#unsaved.add(item);
    }
    const saving = this.save();
    this.#queue.add(...stored.filter(({ item }) => item.state === "waiting").map(({ item }) => item.id));
    this.#follower.update();
    await saving;
  }

  /**
   * @param {File[]} files
   * @returns {Promise<void>}
   */
  async add(files) {
    const position = Math.max(-1, ...[...this.items.values()].map((item) => item.position)) + 1;
    const added = files.map((file, index) => ({ item: this.#makeItem(file, position + index), file }));
    for (const { item, file } of added) {
      this.#insert(item, file);
    }
    await this.#persist((store) => store.add(added));
  }

  /** @param {string} id */
  findFile(id) {
    return this.#files.get(id);
  }

  /**
   * @param {string} id
   * @param {string} description
   */
  describe(id, description) {
    const item = this.items.get(id);
    if (item?.state === "draft") {
      this.#change(item, { description });
    }
  }

  /**
   * Send all drafts. Those without a description get the common one.
   *
   * @param {string} description
   * @param {import("./items.js").Fields} fields
   */
  async send(description, fields) {
    const drafts = [...this.items.values()].filter((item) => item.state === "draft");
    for (const item of drafts) {
      this.#change(item, { state: "waiting", description: item.description || description, fields });
    }
    await this.#sendAll(drafts);
  }

  /**
   * Send failed and refused images again, as new images.
   *
   * @param {string[]} ids
   */
  async retry(ids) {
    const retried = ids.flatMap((id) => this.items.get(id) ?? []).filter((item) => this.canRetry(item));
    for (const item of retried) {
      if (item.imageId) {
        this.#byImage.delete(item.imageId);
      }
      this.#change(item, { state: "waiting", key: makeId(), imageId: undefined, fault: undefined });
    }
    await this.#sendAll(retried);
  }

  /** @param {Item} item */
  canRetry(item) {
    return isRetryable(item) && this.#files.has(item.id) && item.fault?.type !== UNREADABLE;
  }

  /** @param {string[]} ids */
  async remove(ids) {
    for (const id of ids) {
      const item = this.items.get(id);
      this.items.delete(id);
      this.#files.delete(id);
      this.#queue.remove(id);
      if (item) {
        this.#unsaved.delete(item);
        this.#byImage.delete(item.imageId ?? "");
      }
      this.#view.hide(id);
    }
    this.#follower.update();
    await this.#persist((store) => store.remove(ids));
  }

  /** End a pause of the uploads. */
  retryNow() {
    this.#queue.retryNow();
    this.#follower.pollSoon();
  }

  /** Store changes now. */
  async save() {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = 0;
    const changed = [...this.#unsaved];
    this.#unsaved.clear();
    if (changed.length > 0) {
      this.#saving.add(changed);
      await this.#persist((store) => store.update(changed));
      this.#saving.delete(changed);
    }
  }

  /** @param {Item[]} items */
  async #sendAll(items) {
    await this.save(); // keys and descriptions, so that a repeated upload is the same
    this.#queue.add(...items.map((item) => item.id));
    this.#follower.update();
  }

  /** @param {string} id */
  async #upload(id) {
    const item = this.items.get(id);
    const file = this.#files.get(id);
    if (!item || !file) {
      if (item) {
        this.#refuse(item, UNREADABLE, "");
      }
      return;
    }
    this.#change(item, { state: "sending" });
    try {
      const accepted = await upload(item, file, (sent) => this.#view.showProgress(id, sent));
      this.#byImage.set(accepted.id, item);
      this.#change(item, { state: "queued", imageId: accepted.id, receipt: accepted.receipt });
      this.#accept(accepted.id, this.#follower.findRecent(accepted.id) ?? accepted.status);
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      if (!error.isTemporary) {
        this.#refuse(item, error.type, error.message);
      } else if (error.status === 0 && !(await isReadable(file))) {
        this.#refuse(item, UNREADABLE, "");
      } else {
        this.#change(item, { state: "waiting" });
        throw error;
      }
    }
  }

  /**
   * @param {string} imageId
   * @param {ServerState} state
   */
  #accept(imageId, state) {
    if (state === "failed") {
      this.#follower.pollSoon(); // for the reason
    } else {
      this.#report(imageId, state);
    }
  }

  /**
   * @param {string} imageId
   * @param {ServerState} state
   * @param {import("./items.js").Fault} [fault]
   */
  #report(imageId, state, fault) {
    const item = this.#byImage.get(imageId);
    if (!item || !isProgress(item.state, state)) {
      return;
    }
    if (state === "stored") {
      this.#files.delete(item.id);
    }
    this.#change(item, { state, fault: state === "failed" ? fault : undefined });
  }

  /**
   * @param {Item} item
   * @param {string} type
   * @param {string} detail
   */
  #refuse(item, type, detail) {
    this.#change(item, { state: "refused", fault: { type, detail } });
  }

  /**
   * @param {Item} item
   * @param {Partial<Item>} changes
   */
  #change(item, changes) {
    Object.assign(item, changes, { changedAt: Date.now() });
    if (!this.items.has(item.id)) {
      return;
    }
    this.#view.show(item);
    this.#unsaved.add(item);
    this.#saveTimer ||= setTimeout(() => this.save(), SAVE_MS);
    this.#follower.update();
  }

  /**
   * @param {Item} item
   * @param {Blob | undefined} file
   */
  #insert(item, file) {
    this.items.set(item.id, item);
    if (file) {
      this.#files.set(item.id, file);
    }
    if (item.imageId) {
      this.#byImage.set(item.imageId, item);
    }
    this.#view.show(item);
  }

  #listPending() {
    const items = [...this.items.values()];
    return {
      uploads: may("read") ? items.filter(isUnsent).length : 0,
      ids: items.flatMap((item) => (isFollowed(item) && item.imageId ? [item.imageId] : [])),
    };
  }

  /**
   * @param {File} file
   * @param {number} position
   * @returns {Item}
   */
  #makeItem(file, position) {
    return {
      id: makeId(),
      owner: this.#owner,
      position,
      name: file.name,
      size: file.size,
      description: "",
      fields: {},
      state: "draft",
      key: makeId(),
      changedAt: Date.now(),
    };
  }

  /** @param {(store: import("./store.js").Store) => Promise<void>} write */
  async #persist(write) {
    if (!this.#store) {
      return;
    }
    try {
      await write(this.#store);
    } catch {
      this.#store = null; // no disk space
      this.#view.showVolatile();
    }
  }
}

/** @param {Blob} file */
async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
