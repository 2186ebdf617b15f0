// The form before a chat, and the one that leaves a message to be answered by mail. They are one form: choosing a
// department whose chat is closed turns the first into the second.

import { el } from "./dom.js";

const ADDRESS = /^[^\s@<>(),;:"\\]+@[^\s@<>(),;:"\\]+\.[^\s@<>(),;:"\\.]{2,}$/;
const LONGEST = { name: 200, email: 320, message: 10_000, field: 1_000 };
let count = 0;

export class Form {
  #words;
  #session;
  #page;
  #by;
  #began = performance.now();
  #fields = [];
  #intro;
  #submit;
  #trap;
  #department = null;
  #message;
  #closed;

  /**
   * @param {object} its `words`, `session`, `page` (what the page told: name, email, department), `mode` `chat` or
   *   `offline`, `text` to begin with, and `place`, the element where Turnstile may show something
   * @param {object} by `submit(what, offline)`, `draft(text)` while somebody writes, `back()` where there is a way back
   */
  constructor({ words, session, page, mode, text, place }, by) {
    this.#words = words;
    this.#session = session;
    this.#page = page;
    this.#by = by;
    this.#closed = mode === "offline";
    this.#intro = el("p", { class: "intro", "aria-live": "polite" });
    this.#submit = el("button", { type: "submit", class: "primary" });
    this.element = el(
      "form",
      { class: "form", novalidate: true, onsubmit: (event) => this.#submitted(event) },
      this.#intro,
    );
    this.#person();
    this.#choice();
    for (const field of session.form.fields ?? []) this.#custom(field);
    this.#message = this.#add(
      "message",
      words.say("message"),
      el("textarea", { rows: 4, maxlength: LONGEST.message }),
      true,
    );
    this.#message.control.value = text;
    this.#message.control.addEventListener("input", () => by.draft(this.#message.control.value));
    this.#trap = el("input", { type: "text", name: "company_fax", tabindex: "-1", autocomplete: "off" });
    this.element.append(
      el("div", { class: "trap", "aria-hidden": "true" }, el("label", {}, words.say("trap"), this.#trap)),
      place,
      this.#submit,
      by.back ? el("button", { type: "button", class: "link back", onclick: by.back }, words.say("back")) : "",
    );
    this.#draw();
  }

  /** Whether somebody may begin without being asked anything. */
  static asksNothing(session, page) {
    const { form, visitor } = session;
    const asked = (name) => (form[name] ?? "off") !== "off" && !(visitor.verified && visitor[name]);
    return !asked("name") && !asked("email") && !chooses(session, page) && !(form.fields ?? []).length;
  }

  focus() {
    (this.#fields.find(({ control }) => !control.value) ?? this.#message).control.focus();
  }

  #person() {
    const { form, visitor } = this.#session;
    for (const name of ["name", "email"]) {
      const wish = form[name] ?? "off";
      if (visitor.verified && visitor[name]) continue; // the site vouches for it
      if (wish === "off" && name === "name") continue;
      const type = name === "email" ? "email" : "text";
      const control = el("input", {
        type,
        autocomplete: name,
        maxlength: LONGEST[name],
        inputmode: name === "email" ? "email" : null,
      });
      control.value = visitor[name] || this.#page[name] || "";
      const field = this.#add(name, this.#words.say(name), control, wish === "required");
      field.wish = wish;
    }
  }

  #choice() {
    const { departments } = this.#session;
    this.#closed ||= departments.find(({ id }) => id === this.#page.department)?.open === false;
    if (!chooses(this.#session, this.#page)) return;
    const control = el(
      "select",
      {},
      el("option", { value: "" }, this.#words.say("choose")),
      departments.map(({ id, name, open }) =>
        el("option", { value: id }, open === false ? this.#words.say("closed_option", { name }) : name),
      ),
    );
    this.#department = this.#add("department", this.#words.say("department"), control, true);
    control.addEventListener("change", () => this.#draw());
  }

  #custom(field) {
    if (!field.id) return;
    const options = (field.options ?? []).map((option) => el("option", { value: option }, option));
    const control =
      {
        select: () => el("select", {}, el("option", { value: "" }, this.#words.say("choose")), options),
        checkbox: () => el("input", { type: "checkbox" }),
      }[field.type]?.() ?? el("input", { type: "text", maxlength: LONGEST.field });
    this.#add(`field ${field.id}`, field.label, control, Boolean(field.required)).custom = field;
  }

  #add(name, label, control, required) {
    const id = `field-${++count}`;
    const wrong = el("p", { class: "wrong", id: `${id}-wrong` });
    control.id = id;
    control.setAttribute("aria-describedby", wrong.id);
    const optional = el("span", { class: "optional" });
    const title = el("label", { for: id }, label, " ", optional);
    const tick = control.type === "checkbox";
    const place = el(
      "div",
      { class: tick ? "field tick" : "field" },
      tick ? [control, title] : [title, control],
      wrong,
    );
    this.element.append(place);
    const field = { name, control, required, wrong, optional, place };
    control.addEventListener("input", () => control.hasAttribute("aria-invalid") && this.#check(field));
    this.#fields.push(field);
    return field;
  }

  get #offline() {
    const chosen = this.#department?.control.value;
    const found = this.#session.departments.find(({ id }) => id === chosen);
    return this.#closed || found?.open === false;
  }

  #draw() {
    const offline = this.#offline;
    const { theme, departments } = this.#session;
    const chosen = departments.find(({ id }) => id === (this.#department?.control.value || this.#page.department));
    this.#intro.textContent = offline
      ? this.#words.say(this.#by.back ? "busy_intro" : chosen?.open === false ? "closed_department" : "closed_intro", {
          name: chosen?.name,
        })
      : theme.greeting || this.#words.say("greeting");
    this.#submit.textContent = this.#words.say(offline ? "send_message" : "start");
    for (const field of this.#fields) {
      if (field.name === "email") {
        field.required = offline || field.wish === "required"; // it is where the answer goes
        field.place.hidden = !offline && field.wish === "off";
      }
      field.control.required = field.required;
      field.optional.textContent = field.required ? "" : this.#words.say("optional");
    }
  }

  #value(control) {
    if (control.type === "checkbox") return control.checked ? "yes" : "";
    return control.value.trim();
  }

  /** Say what is wrong with a field, and whether it is fine. */
  #check({ name, control, required, wrong, place }) {
    const value = this.#value(control);
    let words = "";
    if (place.hidden) words = "";
    else if (required && !value) words = this.#words.say("required");
    else if (name === "email" && value && !ADDRESS.test(value)) words = this.#words.say("email_wrong");
    wrong.textContent = words;
    if (words) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
    return !words;
  }

  #submitted(event) {
    event.preventDefault();
    const wrong = this.#fields.filter((field) => !this.#check(field));
    if (wrong.length) {
      wrong[0].control.focus();
      return;
    }
    const what = { text: this.#message.control.value.trim(), fields: {}, trap: this.#trap.value };
    what.department = this.#department?.control.value || this.#page.department || "";
    what.after_ms = Math.round(performance.now() - this.#began);
    for (const { name, control, custom } of this.#fields) {
      if (custom) what.fields[custom.id] = this.#value(control);
      else if (name === "name" || name === "email") what[name] = this.#value(control);
    }
    this.#by.submit(what, this.#offline);
  }
}

function chooses({ form, departments }, page) {
  return Boolean(form.department) && departments.length > 1 && !page.department;
}
