/**
 * Converts the value of a datetime-local input in a time zone to RFC 3339.
 */

const MINUTE_MS = 60_000;
const FIELDS = /** @type {const} */ (["year", "month", "day", "hour", "minute", "second"]);

/**
 * Return a zone of the time zone database that the browser has: the given one, else its own.
 *
 * @param {string | undefined} name
 */
export function resolveZone(name) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return new Intl.DateTimeFormat("en").resolvedOptions().timeZone;
  }
}

/**
 * Return a time with its offset from UTC, such as `2026-11-26T10:45:00+03:00`.
 *
 * Of a time that occurs twice, when clocks are set back, this is the first.
 *
 * @param {string} local such as `2026-11-26T10:45`
 * @param {string} zone
 */
export function toRfc3339(local, zone) {
  const wall = Date.parse(`${local}Z`);
  const offsets = [-1440, 1440].map((minutes) => offsetMinutes(wall + minutes * MINUTE_MS, zone));
  const offset =
    offsets.find((minutes) => offsetMinutes(wall - minutes * MINUTE_MS, zone) === minutes) ?? offsets[0] ?? 0;
  const sign = offset < 0 ? "-" : "+";
  const time = `${String(Math.floor(Math.abs(offset) / 60)).padStart(2, "0")}:${String(Math.abs(offset) % 60).padStart(2, "0")}`;
  return `${new Date(wall).toISOString().replace(/(\.000)?Z$/, "")}${sign}${time}`;
}

/**
 * @param {number} moment milliseconds since 1970
 * @param {string} zone
 */
function offsetMinutes(moment, zone) {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const parts = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
  const [year = 0, month = 0, day, hour, minute, second] = FIELDS.map((name) => parts[name]);
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  return Math.round((wall - Math.floor(moment / 1000) * 1000) / MINUTE_MS);
}
