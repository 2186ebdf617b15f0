// The line to the desk: a WebSocket, or after two that did not come about, HTTP requests that wait for news (long
// polling). It is made again by itself, after 1 to 30 seconds with full jitter, and at once when the browser says it is
// online.

const CONNECT_MS = 10_000;
const ANSWER_MS = 20_000;
const PING_MS = 25_000;
const PONG_MS = 8_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const STEADY_MS = 5_000;
const SOCKET_AGAIN_MS = 300_000;
const NEWS_SECONDS = 25;

/** There is no line, or it was lost before the answer. */
export class Lost extends Error {}

/** Return what `fetch` answers, or nothing when the desk cannot be reached in time, or the controller was aborted. */
async function ask(url, options, milliseconds, controller = new AbortController()) {
  const timer = setTimeout(() => controller.abort(), milliseconds);
  try {
    return await fetch(url, { cache: "no-store", credentials: "omit", signal: controller.signal, ...options });
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

async function body(response) {
  try {
    return (await response.json()) ?? {};
  } catch {
    return {};
  }
}

/**
 * Ask for a session; resolves to `{session}`, or `{wait}` in seconds when it should be asked again, or `{refused}`
 * with the desk's words when it should not.
 */
export async function session(base, wish) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wish) };
  const response = await ask(new URL("session", base), options, CONNECT_MS);
  if (response?.ok) {
    const found = await body(response);
    if (found.token) return { session: found };
  } else if (response && [400, 401, 403, 404, 413, 415, 422].includes(response.status)) {
    return { refused: (await body(response)).error || "", status: response.status };
  }
  return { wait: Number(response?.headers.get("Retry-After")) || 0 };
}

export class Line {
  #base;
  #token;
  #by;
  #socket = null;
  #polling = null;
  #up = false;
  #stopped = false;
  #tries = 0;
  #failures = 0;
  #asked = new Map();
  #timers = { again: 0, ping: 0, pong: 0, steady: 0 };
  #off = new AbortController();

  /**
   * @param {URL} base the channel's address, with a slash at its end
   * @param {string} token the session's
   * @param {object} by `after()` is the last seq that is known; `hear(frame)` takes each frame; `changed(up)` hears
   *   whether there is a line; `over()` that the desk does not know the token any more
   */
  constructor(base, token, by) {
    this.#base = base;
    this.#token = token;
    this.#by = by;
    const { signal } = this.#off;
    window.addEventListener("online", () => this.#hasten(), { signal });
    window.addEventListener("offline", () => this.#probe(), { signal });
    window.addEventListener("pageshow", () => this.#probe(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.#probe(), { signal });
    this.#connect();
  }

  /** Use a newer token of the same visitor from now on; returns whether there is still something to use it for. */
  renew(token) {
    this.#token = token;
    return !this.#stopped;
  }

  /** Say something that nobody waits for: typing, how far the visitor has read. */
  tell(frame) {
    if (!this.#up) return;
    if (this.#socket) this.#socket.send(JSON.stringify(frame));
    else this.#post(frame);
  }

  /** Say something that is answered; resolves to the ack or nack, rejects with `Lost` when there is no line. */
  ask(frame) {
    if (!this.#up) return Promise.reject(new Lost());
    if (!this.#socket) return this.#posted(frame);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#lose(), ANSWER_MS);
      this.#asked.set(frame.id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify(frame));
    });
  }

  /** Fetch what came after the last seq, and give each frame to `hear`. */
  async fill(hear) {
    const response = await this.#events(0);
    if (response?.ok) await this.#heard(response, hear);
  }

  close() {
    this.#stopped = true;
    this.#off.abort();
    this.#drop();
  }

  #connect() {
    clearTimeout(this.#timers.again);
    if (this.#stopped || this.#socket || this.#polling) return;
    if (this.#failures >= 2) {
      this.#poll();
      return;
    }
    const url = new URL("ws", this.#base);
    url.protocol = url.protocol.replace("http", "ws");
    let socket;
    try {
      socket = new WebSocket(url);
    } catch {
      this.#failures = 2;
      this.#poll();
      return;
    }
    this.#socket = socket;
    this.#timers.pong = setTimeout(() => this.#lose(), CONNECT_MS);
    const current = (act) => (event) => this.#socket === socket && act(event);
    socket.addEventListener(
      "open",
      current(() => this.#hello()),
    );
    socket.addEventListener(
      "message",
      current((event) => this.#take(event.data)),
    );
    socket.addEventListener(
      "close",
      current(() => this.#lose()),
    );
  }

  #hello() {
    this.#socket.send(JSON.stringify({ type: "hello", token: this.#token, after: this.#by.after() }));
  }

  #take(text) {
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return;
    }
    if (!frame || typeof frame !== "object") return;
    if (this.#up) clearTimeout(this.#timers.pong);
    if (frame.type === "welcome") this.#welcome();
    if (frame.type === "ack" || frame.type === "nack") this.#answered(frame);
    if (frame.type === "bye") this.#bye(frame);
    else this.#by.hear(frame);
  }

  #welcome() {
    clearTimeout(this.#timers.pong);
    clearInterval(this.#timers.ping);
    this.#failures = 0;
    this.#timers.ping = setInterval(() => this.#probe(), PING_MS);
    this.#turn(true);
  }

  #answered(frame) {
    const waiting = this.#asked.get(frame.id);
    if (!waiting) return;
    this.#asked.delete(frame.id);
    clearTimeout(waiting.timer);
    waiting.resolve(frame);
  }

  #bye(frame) {
    if (frame.why === "token") {
      this.close();
      this.#by.over();
    } else if (frame.again === false) {
      this.close();
      this.#by.hear(frame);
    } else this.#lose();
  }

  /** See whether the line is still there: a phone that slept, a cable that was pulled. */
  #probe() {
    if (this.#stopped) return;
    if (!this.#up) this.#hasten();
    else if (this.#socket) {
      clearTimeout(this.#timers.pong);
      this.#timers.pong = setTimeout(() => this.#lose(), PONG_MS);
      this.#socket.send(JSON.stringify({ type: "ping" }));
    } else if (!navigator.onLine) this.#lose();
  }

  #hasten() {
    if (this.#stopped || this.#up || this.#socket || this.#polling) return;
    this.#tries = 0;
    this.#connect();
  }

  #turn(up) {
    clearTimeout(this.#timers.steady);
    // A desk that takes the call and hangs up is no success yet.
    if (up) this.#timers.steady = setTimeout(() => (this.#tries = 0), STEADY_MS);
    if (this.#up === up) return;
    this.#up = up;
    this.#by.changed(up);
  }

  #drop() {
    for (const name of Object.keys(this.#timers)) clearTimeout(this.#timers[name]);
    const socket = this.#socket;
    const polling = this.#polling;
    this.#socket = this.#polling = null;
    socket?.close();
    polling?.abort();
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(new Lost());
    }
    this.#asked.clear();
    this.#turn(false);
  }

  #lose(seconds = 0) {
    if (this.#stopped) return;
    if (this.#socket && !this.#up && navigator.onLine) this.#failures += 1;
    this.#drop();
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#tries++);
    this.#timers.again = setTimeout(() => this.#connect(), Math.max(seconds * 1000, 100 + Math.random() * most));
  }

  async #poll() {
    const mine = new AbortController();
    this.#polling = mine;
    const until = Date.now() + SOCKET_AGAIN_MS;
    while (this.#polling === mine) {
      if (this.#up && Date.now() > until) {
        this.#failures = 1;
        this.#drop();
        this.#connect();
        return;
      }
      const seconds = this.#up ? NEWS_SECONDS : 0; // the first answer tells that there is a line
      const response = await this.#events(seconds, mine);
      if (this.#polling !== mine) return;
      if (response?.status === 401) {
        this.close();
        this.#by.over();
        return;
      }
      if (!response?.ok) {
        this.#failures = 0; // nothing gets through, so it was not the socket's fault
        this.#lose(Number(response?.headers.get("Retry-After")) || 0);
        return;
      }
      await this.#heard(response);
      if (this.#polling === mine) this.#turn(true);
    }
  }

  #events(seconds, controller) {
    const url = new URL("events", this.#base);
    url.search = new URLSearchParams({ after: this.#by.after(), wait: seconds });
    return ask(url, { headers: this.#bearer() }, seconds * 1000 + CONNECT_MS, controller);
  }

  async #heard(response, hear = this.#by.hear) {
    for (const frame of (await body(response)).events ?? []) {
      if (frame && typeof frame === "object") hear(frame);
    }
  }

  #bearer() {
    return { Authorization: `Bearer ${this.#token}` };
  }

  #post(frame) {
    const headers = { ...this.#bearer(), "Content-Type": "application/json" };
    return ask(new URL("frames", this.#base), { method: "POST", headers, body: JSON.stringify(frame) }, ANSWER_MS);
  }

  async #posted(frame) {
    const response = await this.#post(frame);
    if (!response) throw new Lost();
    if (response.status === 401) {
      this.close();
      this.#by.over();
      throw new Lost();
    }
    const answer = await body(response);
    if (answer.type === "ack" || answer.type === "nack") return answer;
    // Something between us and the desk answered; only a wrong frame is not worth saying again.
    const again = ![400, 403, 404, 409, 413, 415, 422].includes(response.status);
    return { type: "nack", id: frame.id, again, retry_after: Number(response.headers.get("Retry-After")) };
  }
}
