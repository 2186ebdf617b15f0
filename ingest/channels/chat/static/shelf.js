// What the browser keeps between two loads, under the desk's origin; or memory, where a browser refuses it.

export class Shelf {
  #prefix;
  #storage;
  #memory = new Map();
  #refused = false;

  /**
   * @param {string} prefix begins every key, so that two channels of a desk never mix
   * @param {string} storage `localStorage` for all tabs, `sessionStorage` for this one
   */
  constructor(prefix, storage = "localStorage") {
    this.#prefix = prefix;
    try {
      this.#storage = window[storage];
    } catch {
      this.#refused = true;
    }
  }

  get(key) {
    let text = this.#memory.get(key);
    if (text === undefined && !this.#refused) {
      try {
        text = this.#storage.getItem(this.#prefix + key) ?? undefined;
      } catch {
        this.#refused = true;
      }
    }
    try {
      return text === undefined ? null : JSON.parse(text);
    } catch {
      return null; // somebody else's
    }
  }

  set(key, value) {
    const text = JSON.stringify(value);
    try {
      this.#storage.setItem(this.#prefix + key, text);
      this.#memory.delete(key);
    } catch {
      this.#memory.set(key, text); // full or refused: it lasts as long as the page
    }
  }

  delete(key) {
    this.#memory.delete(key);
    try {
      this.#storage.removeItem(this.#prefix + key);
    } catch {
      this.#refused = true;
    }
  }

  /** Return the keys that begin so. */
  keys(beginning) {
    const found = new Set([...this.#memory.keys()].filter((key) => key.startsWith(beginning)));
    try {
      for (let at = 0; at < this.#storage.length; at++) {
        const key = this.#storage.key(at);
        if (key.startsWith(this.#prefix + beginning)) found.add(key.slice(this.#prefix.length));
      }
    } catch {
      this.#refused = true;
    }
    return [...found];
  }

  /** Call `changed(key)` when another tab wrote or deleted something. */
  watch(changed) {
    window.addEventListener("storage", (event) => {
      if (event.storageArea === this.#storage && event.key?.startsWith(this.#prefix))
        changed(event.key.slice(this.#prefix.length));
    });
  }
}
