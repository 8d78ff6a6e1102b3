// Texts, numbers and times in the visitor's language.

const { default: texts } = await import(document.documentElement.dataset.texts);
const language = document.documentElement.lang;

export const has = (key) => key in texts;
export function t(key, values = {}) {
  let text = texts[key] ?? key;
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(`{${name}}`, value);
  return text;
}

// A code of the service in words; one that no catalogue knows is read as it is.
export const word = (kind, code) => texts[`${kind}.${code}`] ?? code.replaceAll("_", " ");

// The service speaks English, and exactly: of which film, beyond which limit. Other languages say it by its code.
const exact = language === "en";
const known = (code) => texts[`problem.${code}`] ?? texts[`code.${code}`];
export const problemText = (error) => (exact && error.message) || known(error.code) || error.message || t("problem.status", { status: error.status ?? "" });
export const reason = (error, kind = "code") => texts[`${kind}.${error.code}`] ?? error.reason ?? word(kind, error.code);

const whole = new Intl.NumberFormat(language);
export const number = (value) => whole.format(value);
const fine = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
export const decimal = (value) => fine.format(value);
export const percent = (share) => `${(share * 100).toFixed(share && (share > 0.995 || share < 0.005) ? 1 : 0)} %`;
export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) { value /= 1000; at += 1; }
  return `${fine.format(value)} ${units[at]}`;
}
export function duration(seconds) {
  if (seconds < 90) return t("time.seconds", { n: Math.ceil(seconds) });
  if (seconds < 5400) return t("time.minutes", { n: Math.round(seconds / 60) });
  return t("time.hours", { n: fine.format(seconds / 3600) });
}
const clock = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
export const moment = (iso) => clock.format(new Date(iso));
