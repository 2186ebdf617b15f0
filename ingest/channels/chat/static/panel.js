// The frame around whatever the chat shows: title, who is there, a menu, how the line is.

import { el, icon, iconButton } from "./dom.js";

const LINE_MS = 2_000;

export class Panel {
  #words;
  #by;
  #who;
  #notice;
  #menu;
  #menuButton;
  #screen;
  #close;
  #timer = 0;

  /**
   * @param {import("./words.js").Words} words
   * @param {string} title of the chat
   * @param {object} by `close()`; `menu()` returns the items of the moment as `[label, act]`
   */
  constructor(words, title, by) {
    this.#words = words;
    this.#by = by;
    this.#who = el("p", { class: "who" });
    this.#notice = el("p", { class: "notice", role: "status", hidden: true });
    this.#menu = el("div", { class: "menu", id: "menu", hidden: true });
    this.#menuButton = iconButton("menu", words.say("menu"), () => this.#openMenu(this.#menu.hidden), {
      "aria-expanded": "false",
      "aria-controls": "menu",
      hidden: true,
    });
    this.#close = iconButton("close", words.say("close"), by.close);
    this.#screen = el("div", { class: "screen" });
    this.heading = el("h1", { id: "title", tabindex: "-1" }, title);
    this.element = el(
      "div",
      { class: "panel", role: "dialog", "aria-labelledby": "title" },
      el(
        "header",
        {},
        el("div", { class: "titles" }, this.heading, this.#who),
        this.#menuButton,
        this.#menu,
        this.#close,
      ),
      this.#notice,
      this.#screen,
    );
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("click", (event) => {
      if (!this.#menu.hidden && !event.composedPath().includes(this.#menuButton)) this.#openMenu(false);
    });
  }

  /** Whether the panel covers the whole page: then the keyboard stays in it. */
  set modal(full) {
    if (full) this.element.setAttribute("aria-modal", "true");
    else this.element.removeAttribute("aria-modal");
  }

  /** Where there is no page around the chat, there is nothing to close. */
  set alone(alone) {
    this.#close.hidden = alone;
  }

  set who(text) {
    if (this.#who.textContent !== text) this.#who.textContent = text;
  }

  /** Show whether there is a menu, after what it offers may have changed. */
  refresh() {
    this.#menuButton.hidden = !this.#by.menu().length;
    if (this.#menuButton.hidden) this.#openMenu(false);
  }

  show(...content) {
    this.#screen.replaceChildren(...content);
  }

  loading(words) {
    this.show(
      el(
        "div",
        { class: "loading" },
        el("span", { class: "spinner", "aria-hidden": "true" }),
        el("p", { role: "status" }, words),
      ),
    );
  }

  /** Say how the line is; "" takes it away. A line that is back soon is not worth a word. */
  line(words) {
    if (words && !this.#timer) {
      this.#timer = setTimeout(() => {
        this.#notice.hidden = false;
        this.#notice.textContent = words;
      }, LINE_MS);
    } else if (!words) {
      clearTimeout(this.#timer);
      this.#timer = 0;
      this.#notice.hidden = true;
    }
  }

  #openMenu(open) {
    if (open) {
      const items = this.#by.menu().map(([label, act]) => el("button", { type: "button", onclick: act }, label));
      this.#menu.replaceChildren(...items);
    }
    this.#menu.hidden = !open;
    this.#menuButton.setAttribute("aria-expanded", String(open));
    if (open) this.#menu.firstElementChild?.focus();
  }

  #key(event) {
    if (event.key === "Escape" && !event.isComposing) {
      event.preventDefault();
      if (this.#menu.hidden) this.#by.close();
      else {
        this.#openMenu(false);
        this.#menuButton.focus();
      }
    } else if (event.key === "Tab" && this.element.hasAttribute("aria-modal")) this.#keep(event);
  }

  /** Go from the last control to the first and back, instead of out into the page behind. */
  #keep(event) {
    const all = [...this.element.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")];
    const controls = all.filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility?.() !== false);
    const [from, to] = event.shiftKey ? [controls[0], controls.at(-1)] : [controls.at(-1), controls[0]];
    if (document.activeElement !== from && document.activeElement !== this.heading) return;
    if (document.activeElement === this.heading && !event.shiftKey) return;
    event.preventDefault();
    to?.focus();
  }
}

/** Say that a message was left and where the answer goes. */
export function thanks(words, text, waits, again) {
  return el(
    "div",
    { class: "thanks" },
    el("span", { class: waits ? "spinner" : "done", "aria-hidden": "true" }, waits ? null : icon("tick")),
    el("h2", {}, words.say(waits ? "sending" : "sent_title")),
    el("p", { role: "status" }, text),
    waits ? null : el("button", { type: "button", class: "secondary", onclick: again }, words.say("write_again")),
  );
}
