// The chat's words in the visitor's language, and times and sizes as that language writes them.

/** Said before the desk has told its texts, or when it cannot. */
const FIRST = {
  close: "Close",
  connecting: "Connecting…",
  launcher: "Chat",
  title: "Chat",
  unreachable: "The chat cannot be reached right now. Trying again…",
  refused: "The chat is not available on this page.",
};
const RIGHT_TO_LEFT = ["ar", "dv", "fa", "he", "ku", "ps", "ur", "yi"];

export class Words {
  #texts;
  #locale;
  #hour;
  #date;

  /** @param {string} language of the texts @param {Record<string, string>} texts by their keys */
  constructor(language = "en", texts = {}) {
    this.#texts = { ...FIRST, ...texts };
    try {
      // The browser's own variant of the language writes times as the visitor is used to.
      const own = navigator.languages.find((one) => one.toLowerCase().startsWith(language.toLowerCase()));
      this.#locale = Intl.getCanonicalLocales(own ?? language)[0];
    } catch {
      this.#locale = "en";
    }
    this.#hour = new Intl.DateTimeFormat(this.#locale, { hour: "numeric", minute: "2-digit" });
    this.#date = new Intl.DateTimeFormat(this.#locale, { weekday: "long", day: "numeric", month: "long" });
    this.language = language;
    this.direction = RIGHT_TO_LEFT.includes(language.split("-")[0]) ? "rtl" : "ltr";
  }

  /** Return a text, or `otherwise`; `{name}` in it is replaced by `values.name`. */
  say(key, values = {}, otherwise = key) {
    const text = this.#texts[key] ?? otherwise;
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  /** Return why something was not taken: the desk's `why` in the visitor's words. */
  refusal(why) {
    const robot = ["proof", "quick", "trap"].includes(why);
    return `${this.say("failed")} ${this.say(robot ? "robot" : `refused_${why}`, {}, "")}`.trim();
  }

  time(at) {
    return this.#hour.format(at);
  }

  /** Return today, yesterday or the date, of a time in milliseconds. */
  day(at) {
    const start = (time) => new Date(time).setHours(0, 0, 0, 0);
    const ago = Math.round((start(at) - start(Date.now())) / 86_400_000);
    if (ago < -1 || ago > 0) return this.#date.format(at);
    const words = new Intl.RelativeTimeFormat(this.#locale, { numeric: "auto" }).format(ago, "day");
    return words[0].toLocaleUpperCase(this.#locale) + words.slice(1);
  }

  /** Return a size in bytes as people read it. */
  size(bytes) {
    const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
    const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log(bytes || 1) / Math.log(1000))));
    const options = { style: "unit", unit: units[step], maximumFractionDigits: step > 1 ? 1 : 0 };
    return new Intl.NumberFormat(this.#locale, options).format(bytes / 1000 ** step);
  }
}

/** Return milliseconds of the desk's time: UTC seconds, or ISO 8601. */
export function milliseconds(at) {
  const found = typeof at === "number" ? at * 1000 : Date.parse(at);
  return Number.isFinite(found) ? found : Date.now();
}
