// The messages as the visitor sees them. Each has one element, which stays the same one from "on its way" to "stands in
// the conversation", so that a screen reader hears it once.

import { el, icon, linked, outward } from "./dom.js";
import { milliseconds } from "./words.js";

const NEAR_END = 80;
const PICTURES = /^image\/(png|jpeg|gif|webp|avif)$/;

export class Log {
  #words;
  #base;
  #by;
  #log;
  #jump;
  #typing;
  #pending = new Map();
  #last = null;
  #held = true; // at the end, so that what is new comes into view

  /**
   * @param {import("./words.js").Words} words
   * @param {URL} base the channel's address; files of anywhere else are not shown
   * @param {object} by `again(id)` and `discard(id)` for a message the desk did not take
   * @param {HTMLElement} foot stands below the messages and scrolls with them
   */
  constructor(words, base, by, foot) {
    this.#words = words;
    this.#base = base;
    this.#by = by;
    this.#log = el("div", { class: "messages", role: "log", "aria-label": words.say("log"), "aria-live": "polite" });
    this.#typing = el("p", { class: "typing", hidden: true });
    this.scroller = el("div", { class: "scroller", tabindex: "0", role: "group", "aria-label": words.say("log") });
    this.scroller.append(this.#log, this.#typing, foot);
    this.#jump = el("button", { type: "button", class: "jump", hidden: true, onclick: () => this.toEnd() });
    this.#jump.append(icon("down"), words.say("new_messages"));
    this.scroller.addEventListener("scroll", () => this.#atEnd() && (this.#jump.hidden = true), { passive: true });
    new ResizeObserver(() => this.#held && this.toEnd()).observe(this.scroller);
    this.element = el("div", { class: "log" }, this.scroller, this.#jump);
  }

  /** Put the greeting at the top, as the desk's first words. */
  greet(text) {
    this.#log.prepend(
      el(
        "div",
        { class: "message theirs greeting" },
        el("div", { class: "bubble" }, el("p", { class: "text" }, linked(text))),
      ),
    );
  }

  /** Add what is new in the conversation; what is still shown as on its way becomes it. */
  entry(entry) {
    const follow = this.#atEnd();
    const at = milliseconds(entry.at);
    const day = new Date(at).toDateString();
    const element = this.#pending.get(entry.id)?.element ?? this.#message(entry.from, entry.name);
    this.#pending.delete(entry.id);
    const [{ element: next } = { element: null }] = this.#pending.values();
    const placed =
      element.isConnected && (!next || element.compareDocumentPosition(next) & Node.DOCUMENT_POSITION_FOLLOWING);
    if (!placed) this.#log.insertBefore(element, next);
    const today = day === new Date().toDateString();
    if (this.#last ? day !== this.#last.day : !today) this.#log.insertBefore(this.#day(at), element);
    this.#fill(element, entry.text, entry.files ?? []);
    const same = day === this.#last?.day && entry.from === this.#last.from && entry.name === this.#last.name;
    element.classList.toggle("follows", same && at - this.#last.at < 300_000);
    element
      .querySelector(".meta")
      .replaceChildren(el("time", { datetime: new Date(at).toISOString() }, this.#words.time(at)));
    element.classList.remove("waiting", "failed");
    this.#last = { day, at, from: entry.from, name: entry.name };
    this.#moved(follow, entry.from !== "visitor");
  }

  /** Show what is on its way, after everything else. */
  pending(items, up) {
    const follow = this.#atEnd();
    const ids = new Set(items.map(({ frame }) => frame.id));
    for (const [id, { element }] of this.#pending) {
      if (ids.has(id)) continue;
      element.remove();
      this.#pending.delete(id);
    }
    for (const item of items) {
      const { id, text } = item.frame;
      let shown = this.#pending.get(id);
      if (!shown) {
        shown = { element: this.#message("visitor", ""), state: "" };
        this.#fill(shown.element, text, item.files);
        this.#log.append(shown.element);
        this.#pending.set(id, shown);
      }
      const state = item.state === "waiting" && !up ? "offline" : item.state;
      if (shown.state === state) continue;
      shown.state = state;
      shown.element.classList.toggle("waiting", item.state === "waiting");
      shown.element.classList.toggle("failed", item.state === "failed");
      shown.element.querySelector(".meta").replaceChildren(...this.#stateOf(item, state));
    }
    this.#moved(follow, false);
  }

  typing(name) {
    const follow = this.#atEnd();
    const text = name ? this.#words.say("typing", { name }) : "";
    if (this.#typing.textContent === text) return;
    this.#typing.hidden = !name;
    this.#typing.replaceChildren(
      ...(name ? [text, el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"))] : []),
    );
    this.#moved(follow, false);
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#held = true;
    this.#jump.hidden = true;
  }

  /** Call it after the foot has changed, so that it comes into view when the end was. */
  follow() {
    if (this.#held) this.toEnd();
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    if (clientHeight) this.#held = scrollHeight - scrollTop - clientHeight < NEAR_END; // a hidden one tells nothing
    return this.#held;
  }

  #moved(follow, news) {
    if (follow) this.toEnd();
    else if (news) this.#jump.hidden = false;
  }

  #day(at) {
    return el("p", { class: "day" }, el("span", {}, this.#words.day(at)));
  }

  #message(from, name) {
    const kind = { visitor: "mine", agent: "theirs" }[from] ?? "desk";
    const by = from === "visitor" ? this.#words.say("you") : name;
    return el(
      "div",
      { class: `message ${kind}` },
      by ? el("p", { class: from === "visitor" ? "by hidden" : "by" }, by) : null,
      el("div", { class: "bubble" }),
      el("p", { class: "meta" }),
    );
  }

  #fill(element, text, files) {
    const shown = [];
    if (text) shown.push(el("p", { class: "text", dir: "auto" }, linked(text)));
    for (const file of files) shown.push(this.#file(file));
    element.querySelector(".bubble").replaceChildren(...shown);
  }

  #file({ name, type, size, url }) {
    const words = [el("span", { class: "name" }, name), el("span", { class: "size" }, this.#words.size(size))];
    const address = url && new URL(url, this.#base);
    if (!address || address.origin !== this.#base.origin) return el("p", { class: "file" }, icon("file"), ...words);
    const link = outward(address.href);
    if (PICTURES.test(type)) {
      const picture = el("img", { src: address.href, alt: name, class: "picture", onload: () => this.follow() });
      picture.addEventListener("error", () => link.replaceChildren(icon("file"), ...words), { once: true });
      link.append(picture);
    } else {
      link.className = "file";
      link.append(icon("file"), ...words);
    }
    return link;
  }

  #stateOf(item, state) {
    if (state === "kept") return [icon("tick"), this.#words.say("kept")];
    if (state !== "failed") return [this.#words.say(state === "offline" ? "waiting" : "sending")];
    const { id } = item.frame;
    return [
      el("span", { class: "wrong" }, this.#words.refusal(item.why)),
      el("button", { type: "button", class: "link", onclick: () => this.#by.again(id) }, this.#words.say("again")),
      el("button", { type: "button", class: "link", onclick: () => this.#by.discard(id) }, this.#words.say("discard")),
    ];
  }
}
