// What stands below the messages: the way out of waiting, the rating, what became of something that was asked for.

import { el, icon } from "./dom.js";

export class Foot {
  element = el("div", { class: "foot", "aria-live": "polite" });
  #words;
  #conversation;
  #by;
  #notes = new Map();
  #timer = 0;

  /**
   * @param {import("./words.js").Words} words
   * @param {import("./conversation.js").Conversation} conversation
   * @param {object} by `leave()` to leave a message, `rate(score, comment)`, `changed()` when it looks another way
   */
  constructor(words, conversation, by) {
    this.#words = words;
    this.#conversation = conversation;
    this.#by = by;
  }

  /** Show what there is to say now; `notes` are words about what was asked for, by its type. */
  draw(notes) {
    clearTimeout(this.#timer);
    this.#notes = notes;
    const parts = this.#parts();
    // Only what is new is made, so that a half-written comment stays.
    const there = new Map([...this.element.children].map((element) => [element.dataset.part, element]));
    if ([...parts.keys()].join("\n") === [...there.keys()].join("\n")) return;
    const shown = [...parts].map(([part, make]) => {
      const element = there.get(part) ?? make();
      element.dataset.part = part;
      return element;
    });
    this.element.replaceChildren(...shown);
    this.#by.changed();
  }

  #parts() {
    const chat = this.#conversation;
    const parts = new Map();
    const offer = (text) => card(this.#words.say(text), this.#words.say("leave_message"), this.#by.leave);
    if (!chat.over) {
      if (!chat.state.open && !chat.state.agent) parts.set("closed", () => offer("closed_chat"));
      else if (this.#busy()) parts.set("busy", () => offer("busy"));
    } else if (!chat.state.rated && !chat.sends("rate") && chat.entries.some(({ from }) => from === "agent")) {
      parts.set("rating", () => rating(this.#words, this.#by.rate));
    }
    for (const [about, words] of this.#notes) parts.set(`note ${about} ${words}`, () => card(words));
    return parts;
  }

  /** Whether nobody took the chat for so long that a mail is the better way; looks again when it would be. */
  #busy() {
    const { session, state, waitingSince } = this.#conversation;
    if (!waitingSince) return false;
    if (state.status === "missed") return true;
    if (session.wait_seconds === null) return false;
    const rest = waitingSince + session.wait_seconds * 1000 - Date.now();
    if (rest > 0) this.#timer = setTimeout(() => this.draw(this.#notes), rest + 50);
    return rest <= 0;
  }
}

/** A few words below the messages, and perhaps one thing to do about them. */
function card(text, label, act) {
  const button = label ? el("button", { type: "button", class: "secondary", onclick: act }, label) : null;
  return el("section", { class: "card" }, el("p", {}, text), button);
}

/** Ask how the conversation was; `rate(score, comment)` is called once. */
function rating(words, rate) {
  let score = "";
  const comment = el("textarea", {
    rows: 2,
    maxlength: 2_000,
    "aria-label": words.say("comment"),
    placeholder: words.say("comment"),
  });
  const more = el(
    "div",
    { class: "more", hidden: true },
    comment,
    el("button", { type: "submit", class: "primary" }, words.say("rate_send")),
  );
  const choices = ["good", "bad"].map((name) => {
    const choose = () => {
      score = name;
      more.hidden = false;
      for (const one of choices) one.setAttribute("aria-pressed", String(one === choices[name === "good" ? 0 : 1]));
      more.scrollIntoView({ block: "nearest" });
    };
    return el(
      "button",
      { type: "button", class: "score", "aria-pressed": "false", onclick: choose },
      icon(name),
      words.say(`score_${name}`),
    );
  });
  const submitted = (event) => {
    event.preventDefault();
    if (score) rate(score, comment.value.trim());
  };
  return el(
    "form",
    { class: "card rating", onsubmit: submitted, "aria-label": words.say("rate") },
    el("p", {}, words.say("rate")),
    el("div", { class: "scores" }, choices),
    more,
  );
}
