// What the visitor said and the desk has not kept yet. It survives a reload, and the client-made id of each makes
// saying it twice harmless, so whoever is in doubt says it again.
//
// Each item lies under a key of its own: two tabs can add at the same moment. A tab sends what it added, what it found
// when it started, and what another tab has not got rid of for a while (that tab may be gone).

const ABANDONED_MS = 20_000;
const FORGOTTEN_MS = 14 * 86_400_000;

/** Return a random id; browsers give `randomUUID` to secure pages only. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

export class Outbox {
  #shelf;
  #prefix;
  #send;
  #changed;
  #answered;
  #mine = new Set();
  #last = 0;
  #sending = false;
  #timer = 0;
  #closed = false;

  /**
   * @param {import("./shelf.js").Shelf} shelf
   * @param {string} visitor whose outbox it is
   * @param {object} by `send(frame, at)` resolves to the ack or nack, and rejects when there is no line;
   *   `answered(frame, answer)` hears it; `changed()` is called after every change
   */
  constructor(shelf, visitor, { send, changed, answered }) {
    this.#shelf = shelf;
    this.#prefix = `out ${visitor} `;
    this.#send = send;
    this.#changed = changed;
    this.#answered = answered;
    for (const key of shelf.keys("out ")) {
      if (!(shelf.get(key)?.at > Date.now() - FORGOTTEN_MS)) shelf.delete(key);
    }
    for (const item of this.items()) this.#mine.add(item.frame.id);
  }

  /**
   * Return the items in the order they were added: `{frame, at, state, files, why}`, state `waiting`, `kept` or
   * `failed`.
   */
  items() {
    return this.#shelf
      .keys(this.#prefix)
      .map((key) => this.#shelf.get(key))
      .filter((item) => item?.frame?.id)
      .sort((one, other) => one.at - other.at);
  }

  /** Add a frame, with the names and sizes of its files, which are only shown; it is sent as soon as may be. */
  add(frame, files = []) {
    this.#last = Math.max(Date.now(), this.#last + 1);
    this.#mine.add(frame.id);
    this.#write({ frame, files, at: this.#last, state: "waiting", why: "" });
    this.pump();
  }

  /** Send again what the desk did not take. */
  again(id) {
    const item = this.#read(id);
    if (!item) return;
    this.#mine.add(id);
    this.#write({ ...item, state: "waiting", why: "" });
    this.pump();
  }

  /** Take an item out: it is settled, or nobody wants it any more. */
  drop(id) {
    if (!this.#read(id)) return;
    this.#shelf.delete(this.#prefix + id);
    this.#changed();
  }

  /** Send what waits, one after the other in order, until all is kept or the line is lost. */
  async pump() {
    clearTimeout(this.#timer);
    if (this.#sending || this.#closed) return;
    this.#sending = true;
    let pause = ABANDONED_MS / 4;
    try {
      for (let item; !this.#closed && (item = this.#next());) {
        const answer = await this.#send(item.frame, item.at);
        this.#answered(item.frame, answer);
        if (answer.type === "nack" && answer.again) {
          pause = Math.min(Math.max(Number(answer.retry_after) || 2, 1), 300) * 1000;
          break;
        }
        const now = this.#read(item.frame.id);
        if (!now) continue; // it is settled, or stands in the conversation by now
        if (answer.type === "ack") this.#write({ ...now, state: "kept" });
        else this.#write({ ...now, state: "failed", why: answer.why });
      }
    } catch {
      // there is no line; whoever has one again pumps again
    } finally {
      this.#sending = false;
    }
    if (!this.#closed && this.items().some((item) => item.state === "waiting")) {
      this.#timer = setTimeout(() => this.pump(), pause);
    }
  }

  /** Another tab changed an item. */
  heard(key) {
    if (!key.startsWith(this.#prefix)) return;
    this.#changed();
    this.pump();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #next() {
    const abandoned = Date.now() - ABANDONED_MS;
    return this.items().find(
      ({ state, at, frame }) => state === "waiting" && (this.#mine.has(frame.id) || at < abandoned),
    );
  }

  #read(id) {
    return this.#shelf.get(this.#prefix + id);
  }

  #write(item) {
    this.#shelf.set(this.#prefix + item.frame.id, item);
    this.#changed();
  }
}
