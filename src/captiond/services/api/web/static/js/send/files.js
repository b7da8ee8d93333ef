/**
 * Collects files from inputs, drops and the clipboard.
 */

/**
 * @typedef {object} Collected
 * @property {File[]} files
 * @property {number} skipped the number of files in folders that are neither JPEG nor CSV
 */

const WANTED = /\.(jpe?g|jpe|jfif|csv)$/i;

/**
 * Collect the files of a drop or a paste. Of folders, the JPEG and CSV files.
 *
 * The data transfer is read before the first await, because it is empty afterwards.
 *
 * @param {DataTransfer} transfer
 * @returns {Promise<Collected>}
 */
export async function collect(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null);
  const plain = items.map((item) => item.getAsFile());
  /** @type {Collected} */
  const collected = { files: [], skipped: 0 };
  for (const [position, entry] of entries.entries()) {
    const file = plain[position];
    if (entry?.isDirectory) {
      await walk(/** @type {FileSystemDirectoryEntry} */ (entry), collected);
    } else if (file) {
      collected.files.push(file);
    }
  }
  return collected;
}

/**
 * Separate the wanted files of a chosen folder.
 *
 * @param {Iterable<File>} files
 * @returns {Collected}
 */
export function filterFolder(files) {
  const all = [...files];
  const wanted = all.filter((file) => WANTED.test(file.name));
  return { files: wanted, skipped: all.length - wanted.length };
}

/** @param {File} file */
export function isCsv(file) {
  return /\.csv$/i.test(file.name);
}

/**
 * @param {FileSystemDirectoryEntry} folder
 * @param {Collected} collected
 */
async function walk(folder, collected) {
  const reader = folder.createReader();
  for (;;) {
    // Returns about 100 entries per call, and none at the end.
    /** @type {FileSystemEntry[]} */
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) {
      return;
    }
    for (const entry of entries) {
      if (entry.isDirectory) {
        await walk(/** @type {FileSystemDirectoryEntry} */ (entry), collected);
      } else if (WANTED.test(entry.name)) {
        collected.files.push(await readEntry(/** @type {FileSystemFileEntry} */ (entry)));
      } else {
        collected.skipped += 1;
      }
    }
  }
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
function readEntry(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
