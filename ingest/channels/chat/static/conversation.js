// A conversation: what stands in it, what is on its way, who is there. The desk's `seq` numbers what stands in it from
// 1 without a hole, so nothing is shown twice and nothing is missed, however often the line is made again.

import { guard, ProofError } from "./guard.js";
import { Line } from "./line.js";
import { Outbox, newId } from "./outbox.js";
import { milliseconds } from "./words.js";

const TYPING_AGAIN_MS = 3_000;
const TYPING_ENDS_MS = 5_000;
const TYPING_SHOWN_MS = 8_000;
const READ_PAUSE_MS = 1_000;
/** What comes sooner after the form was opened, the desk takes for a program's. */
const QUICKEST_MS = 900;
const MOST_PROOFS = 3;
/** What has its place among the messages; the rest of what is sent is settled by the desk's ack. */
const SHOWN = "message";

export class Conversation {
  entries = [];
  seq = 0;
  typing = "";
  up = false;
  #shelf;
  #visitor;
  #by;
  #words;
  #line;
  #outbox;
  #about = null;
  #proof = null;
  #place;
  #proven = false;
  #proofs = 0;
  #highest = 0;
  #filling = false;
  #accepts = false;
  #typed = 0;
  #timers = { typing: 0, shown: 0, read: 0 };

  /**
   * @param {object} its `base`, `session` (the desk's answer), `shelf`, `visitor` (whose it is), `words`
   * @param {HTMLElement} place where Turnstile may show something
   * @param {object} by `entry(entry)` takes what is new in the conversation, `settled(frame, answer)` the desk's answer
   *   to what is no message, `changed()` hears of everything else, `over()` that another session is needed
   */
  constructor({ base, session, shelf, visitor, words }, place, by) {
    this.session = session;
    this.state = { open: session.open, agent: null, status: session.status, rated: false };
    this.#shelf = shelf;
    this.#visitor = visitor;
    this.#by = by;
    this.#words = words;
    this.#place = place;
    this.#outbox = new Outbox(shelf, visitor, {
      send: (frame, at) => this.#send(frame, at),
      changed: () => by.changed(),
      answered: (frame, answer) => this.#answered(frame, answer),
    });
    this.#line = new Line(base, session.token, {
      after: () => this.seq,
      hear: (frame) => this.#hear(frame),
      changed: (up) => this.#turn(up),
      over: () => by.over(),
    });
  }

  /** The messages that do not stand in the conversation yet. */
  get pending() {
    return this.#outbox.items().filter(({ frame }) => frame.type === SHOWN);
  }

  /** Whether it has come to its end: the desk says so, or the visitor did and nobody has said anything since. */
  get over() {
    if (this.state.status === "resolved") return true;
    const ended = this.#shelf.get(this.#endedKey);
    return ended !== null && !this.entries.some(({ from, seq }) => from === "agent" && seq > ended);
  }

  /** Whether anything was ever said. */
  get begun() {
    return this.seq > 0 || this.session.seq > 0 || this.pending.length > 0;
  }

  /** How many answers the visitor has not seen. */
  get unread() {
    const seen = this.#seen;
    return this.entries.filter(({ from, seq }) => from === "agent" && seq > seen).length;
  }

  /** Since when the visitor waits for somebody to take the chat, in milliseconds; 0 when nobody waits. */
  get waitingSince() {
    if (this.over || this.state.agent || this.state.status === "taken") return 0;
    const answered = this.entries.findLastIndex(({ from }) => from === "agent");
    const first = this.entries.slice(answered + 1).find(({ from }) => from === "visitor");
    return first ? milliseconds(first.at) : (this.pending[0]?.at ?? 0);
  }

  /** Whether one of these is on its way: `rate`, `offline`, … */
  sends(type) {
    return this.#outbox.items().some(({ frame }) => frame.type === type);
  }

  /**
   * Say something: `text` and `files` (`{id, name, size}`), with what the form asked (`about`) in case it is the first.
   */
  say(text, files = [], about = {}) {
    this.stopTyping();
    this.#shelf.delete(this.#endedKey);
    const frame = { type: SHOWN, id: newId(), text, files: files.map(({ id }) => id), lang: this.session.lang };
    // The desk asks it of its first message; which that will be is not sure before it is there.
    if (this.seq === 0 && this.session.seq === 0) Object.assign(frame, (this.#about ??= about));
    this.#outbox.add(
      frame,
      files.map(({ name, size }) => ({ name, size })),
    );
  }

  /** Leave a message that is answered by mail, ask for a transcript, rate, end. */
  ask(type, what = {}) {
    this.#outbox.add({ type, id: newId(), lang: this.session.lang, ...what });
  }

  /** Begin to work out the proof the desk asks for before the first message. */
  prepare() {
    if (this.session.challenge) this.#proof ??= guard(this.session.challenge, this.#place);
  }

  again(id) {
    this.#outbox.again(id);
  }

  discard(id) {
    this.#outbox.drop(id);
  }

  /** The visitor is writing. */
  write() {
    clearTimeout(this.#timers.typing);
    this.#timers.typing = setTimeout(() => this.stopTyping(), TYPING_ENDS_MS);
    if (Date.now() - this.#typed < TYPING_AGAIN_MS) return;
    this.#typed = Date.now();
    this.#line.tell({ type: "typing", on: true });
  }

  stopTyping() {
    clearTimeout(this.#timers.typing);
    if (this.#typed) this.#line.tell({ type: "typing", on: false });
    this.#typed = 0;
  }

  /** The visitor sees everything there is. */
  read() {
    if (this.seq <= this.#seen) return;
    this.#shelf.set(this.#seenKey, this.seq);
    clearTimeout(this.#timers.read);
    this.#timers.read = setTimeout(() => this.#line.tell({ type: "read", seq: this.#seen }), READ_PAUSE_MS);
    this.#by.changed();
  }

  /** Another tab wrote something to the shelf. */
  heard(key) {
    this.#outbox.heard(key);
    if (key === this.#seenKey || key === this.#endedKey) this.#by.changed();
  }

  /** Use a newer token, when it is this visitor's; returns whether it is of use. */
  renew(token, visitor) {
    if (visitor !== this.#visitor || !this.#line.renew(token)) return false;
    this.session.token = token;
    return true;
  }

  close() {
    this.#outbox.close();
    this.#line.close();
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
  }

  get #endedKey() {
    return `ended ${this.#visitor}`;
  }

  get #seenKey() {
    return `seen ${this.#visitor}`;
  }

  get #seen() {
    return Number(this.#shelf.get(this.#seenKey)) || 0;
  }

  #turn(up) {
    this.up = up;
    if (up) this.#outbox.pump();
    else this.typing = "";
    this.#by.changed();
  }

  #hear(frame) {
    if (frame.type === "entry") this.#entry(frame);
    else if (frame.type === "typing") this.#heardTyping(frame);
    else if (frame.type === "state" || frame.type === "welcome") {
      for (const name of Object.keys(this.state)) if (name in frame) this.state[name] = frame[name];
      if (frame.seen > this.#seen) this.#shelf.set(this.#seenKey, frame.seen); // read on another device
      this.#by.changed();
    } else if (frame.type === "bye") this.#by.settled(frame, frame);
  }

  #entry(entry) {
    if (!Number.isInteger(entry.seq) || entry.seq <= this.seq) return;
    this.#highest = Math.max(this.#highest, entry.seq);
    if (entry.seq > this.seq + 1 && !this.#accepts) {
      this.#fill();
      return;
    }
    this.seq = entry.seq;
    this.entries.push(entry);
    if (entry.from === "agent") {
      this.typing = "";
      this.state.agent ??= entry.name || null;
    }
    this.#by.entry(entry);
    if (entry.id) this.#outbox.drop(entry.id);
    this.#by.changed();
  }

  /** Fetch what is missing before a number that came too early. */
  async #fill() {
    if (this.#filling) return;
    this.#filling = true;
    for (let before = -1; this.seq < this.#highest && this.seq !== before;) {
      before = this.seq;
      await this.#line.fill((frame) => {
        this.#accepts = true; // what the desk leaves out here, it does not have
        this.#hear(frame);
        this.#accepts = false;
      });
    }
    this.#filling = false;
  }

  #heardTyping({ on, name }) {
    clearTimeout(this.#timers.shown);
    this.typing = on ? name || this.state.agent || this.#words.say("team") : "";
    if (on) {
      this.#timers.shown = setTimeout(() => {
        this.typing = "";
        this.#by.changed();
      }, TYPING_SHOWN_MS);
    }
    this.#by.changed();
  }

  /** Send a frame that was written at a time, with what the desk asks of those it does not know yet. */
  async #send(frame, at) {
    const first = frame.type === SHOWN && this.seq === 0 && this.session.seq === 0 && !this.#proven;
    if (!first && frame.type !== "offline") return this.#line.ask(frame);
    const open = () => (frame.after_ms ?? 0) + Date.now() - at;
    this.prepare();
    await new Promise((resolve) => setTimeout(resolve, QUICKEST_MS - open()));
    const whole = { ...frame, after_ms: open() };
    try {
      if (this.#proof) whole.proof = await this.#proof();
    } catch (error) {
      if (!(error instanceof ProofError)) throw error;
      this.#proof = null; // the next attempt begins anew
      return { type: "nack", id: frame.id, again: false, why: "proof" };
    }
    const answer = await this.#line.ask(whole);
    if (answer.challenge) return this.#proveAgain(answer);
    return answer;
  }

  /** The proof was used up or too old: the next attempt meets another challenge, unless that goes on and on. */
  #proveAgain(nack) {
    this.session.challenge = nack.challenge;
    this.#proof = null;
    return { ...nack, again: nack.again && ++this.#proofs < MOST_PROOFS, retry_after: 1 };
  }

  #answered(frame, answer) {
    const first = frame.type === SHOWN || frame.type === "offline";
    if (answer.type === "ack" && first) {
      this.#proven = true;
      this.#proofs = 0;
    }
    if (frame.type === SHOWN || (answer.type === "nack" && answer.again)) return;
    if (answer.type === "ack" && frame.type === "end") this.#shelf.set(this.#endedKey, this.seq);
    this.#outbox.drop(frame.id);
    this.#by.settled(frame, answer);
  }
}
