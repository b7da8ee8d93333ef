/**
 * Translations of the texts in scripts. The page has them as JSON in the element `#messages`.
 */

/** Positions of the plural categories in the entries of a PO file. */
const PLURAL_POSITIONS = { one: 0, few: 1, many: 2, other: 2 };

/**
 * @param {Record<string, string | string[]>} messages translations by English text; a plural has its forms in order
 * @param {string} language a BCP 47 tag
 */
export function createTranslator(messages, language) {
  const rules = new Intl.PluralRules(language);

  /**
   * @param {string} text
   * @param {Record<string, string | number>} [values] replace `%(name)s`
   */
  function gettext(text, values = {}) {
    const translation = messages[text];
    return fill(typeof translation === "string" && translation ? translation : text, values);
  }

  /**
   * @param {string} singular
   * @param {string} plural
   * @param {number} count also available as `%(count)s`
   * @param {Record<string, string | number>} [values]
   */
  function ngettext(singular, plural, count, values = {}) {
    const forms = messages[singular];
    const form = Array.isArray(forms)
      ? forms[Math.min(PLURAL_POSITIONS[/** @type {"one"} */ (rules.select(count))] ?? 2, forms.length - 1)]
      : "";
    return fill(form || (count === 1 ? singular : plural), { count, ...values });
  }

  return { gettext, ngettext };
}

/**
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
function fill(text, values) {
  return text.replaceAll(/%\((\w+)\)s/g, (placeholder, name) => String(values[name] ?? placeholder));
}

const translator = createTranslator(
  JSON.parse(globalThis.document?.querySelector("#messages")?.textContent || "{}"),
  globalThis.document?.documentElement.lang || "en",
);

export const gettext = translator.gettext;
export const ngettext = translator.ngettext;
