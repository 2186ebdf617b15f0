// The chat itself, in the iframe that widget.js makes. This module puts the others together: it asks for a session,
// chooses what is shown, and talks to the page around it.
//
//     shelf.js         what the browser keeps                 conversation.js  what was said, who is there
//     outbox.js        what the desk has not kept yet         line.js          the line to the desk
//     guard.js         what keeps programs out                words.js         texts, times, sizes
//     form.js          before a chat, or instead of one       log.js           the messages
//     composer.js      where the visitor writes               foot.js          what stands below them
//     panel.js         what stands around it                  dom.js           elements, links, colours
//
// The protocol: docs/chat-protocol.md.

import { Composer, upload } from "./composer.js";
import { Conversation } from "./conversation.js";
import { el, shades } from "./dom.js";
import { Foot } from "./foot.js";
import { Form } from "./form.js";
import { session as askSession } from "./line.js";
import { Log } from "./log.js";
import { Panel, thanks } from "./panel.js";
import { Shelf } from "./shelf.js";
import { Words, milliseconds } from "./words.js";

const DRAFT = "draft";
const TEXTS = "texts";
const TOKEN = "token";
const ALONE = { lang: "", name: "", email: "", department: "", siteToken: null, shown: true, full: true };

/** Everything the iframe shows. */
class Chat {
  #base = new URL(".", location.href);
  /** The page's origin as the loader gave it. Who lies about it cannot hear us: every word goes to this origin only. */
  #host = decodeURIComponent(location.hash.slice(1));
  #shelf = new Shelf(`frontdesk ${this.#base.pathname} `);
  #drafts = new Shelf(`frontdesk ${this.#base.pathname} `, "sessionStorage");
  #page = null;
  #words = new Words();
  #panel = null;
  #session = null;
  #visitor = "";
  #conversation = null;
  #log = null;
  #composer = null;
  #form = null;
  #foot = null;
  #place = null;
  #screen = "";
  #began = 0;
  #tries = 0;
  #timer = 0;
  #left = null;
  #asked = false;
  #notes = new Map();
  #drawing = false;
  #said = {};

  start() {
    const last = this.#shelf.get(TEXTS);
    if (last) this.#words = new Words(last.lang, last.texts);
    this.#frame("");
    this.#panel.loading(this.#words.say("connecting"));
    this.#shelf.watch((key) => this.#heard(key));
    document.addEventListener("visibilitychange", () => this.#draw());
    if (window.parent === window) {
      this.#told(ALONE);
      return;
    }
    window.addEventListener("message", (event) => {
      if (event.source !== window.parent || event.origin !== this.#host) return;
      if (event.data?.frontdesk) this.#told(event.data.frontdesk);
    });
    this.#tell({ type: "ready" });
  }

  /** Tell the page something, when that is news. */
  #tell(what) {
    const text = JSON.stringify(what);
    if (this.#said[what.type] === text && what.type !== "close") return;
    this.#said[what.type] = text;
    if (window.parent !== window) window.parent.postMessage({ frontdesk: what }, this.#host);
  }

  /** The page said how it is; the first time, and after somebody logged in or out there, a session begins. */
  #told(page) {
    const before = this.#page;
    this.#page = { ...ALONE, ...page };
    const dark =
      page.scheme === "dark" || (page.scheme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.dataset.scheme = dark ? "dark" : "light";
    this.#panel.modal = this.#page.full && window.parent !== window;
    this.#panel.alone = window.parent === window;
    const known = before?.siteToken ?? null;
    if (subject(page.siteToken) !== subject(known)) this.#end(); // what is shown is not theirs
    if (before && before.department !== page.department) this.#screen = "";
    if (!before || page.siteToken !== known) this.#begin();
    else this.#draw();
    if (page.shown && page.focus) this.#focus();
  }

  // Sessions

  /** Ask for a session, until there is one. */
  async #begin(siteToken = this.#page.siteToken) {
    const began = ++this.#began;
    clearTimeout(this.#timer);
    const { lang, department } = this.#page;
    const token = this.#shelf.get(TOKEN);
    const wish = { lang, department };
    if (token) wish.token = token;
    if (siteToken) wish.site_token = siteToken;
    const answer = await askSession(this.#base, wish);
    if (began !== this.#began) return;
    if (answer.session && !token && !siteToken && this.#shelf.get(TOKEN))
      this.#begin(); // another tab was quicker
    else if (answer.session && this.#conversation?.renew(answer.session.token, subject(answer.session.token))) {
      this.#shelf.set(TOKEN, answer.session.token);
    } else if (answer.session) this.#open(answer.session);
    else if (answer.status === 401 && siteToken) {
      console.warn("Frontdesk chat: the site token is not accepted, so the visitor is nobody known.", answer.refused);
      this.#begin("");
    } else if ("refused" in answer) {
      this.#end();
      this.#panel.loading(this.#words.say("refused"));
    } else {
      if (!this.#conversation) this.#panel.loading(this.#words.say("unreachable"));
      const most = Math.min(30_000, 1_000 * 2 ** this.#tries++);
      this.#timer = setTimeout(() => this.#begin(siteToken), Math.max(answer.wait * 1000, 200 + Math.random() * most));
    }
  }

  /** Show nothing of a conversation any more, until there is a session again. */
  #end() {
    this.#conversation?.close();
    this.#conversation = this.#composer = this.#form = null;
    this.#screen = "";
    this.#panel.loading(this.#words.say("connecting"));
  }

  #open(session) {
    this.#tries = 0;
    this.#conversation?.close();
    this.#session = session;
    this.#visitor = subject(session.token);
    if (!session.visitor.verified) Object.assign(session.visitor, this.#shelf.get(`person ${this.#visitor}`));
    this.#shelf.set(TOKEN, session.token);
    this.#words = new Words(session.lang, session.texts);
    // For the next time the desk cannot be reached.
    this.#shelf.set(TEXTS, { lang: session.lang, texts: session.texts });
    this.#left = null;
    this.#screen = "";
    this.#notes.clear();
    this.#frame(session.theme.title);
    this.#place = el("div", { class: "proof" });
    const words = this.#words;
    const chat = { base: this.#base, session: this.#session, shelf: this.#shelf, visitor: this.#visitor, words };
    this.#conversation = new Conversation(chat, this.#place, {
      entry: (entry) => this.#entered(entry),
      settled: (frame, answer) => this.#settled(frame, answer),
      changed: () => this.#draw(),
      over: () => this.#begin(),
    });
    this.#foot = new Foot(words, this.#conversation, {
      leave: () => this.#leave(),
      rate: (score, comment) => this.#ask("rate", { score, comment }),
      changed: () => this.#log.follow(),
    });
    this.#log = new Log(words, this.#base, this.#conversation, this.#foot.element);
    this.#log.greet(this.#session.theme.greeting || words.say("greeting"));
    const labels = { open: words.say("launcher"), close: words.say("launcher_close"), unread: words.say("unread") };
    this.#tell({ type: "labels", ...labels, title: document.title });
    this.#draw();
    if (this.#page.shown && document.hasFocus()) this.#focus();
  }

  /** Make everything around the screens anew: the language or the look may be another one. */
  #frame(title) {
    const { documentElement, body } = document;
    documentElement.lang = this.#words.language;
    documentElement.dir = this.#words.direction;
    document.title = title || this.#words.say("title");
    this.#panel = new Panel(this.#words, document.title, {
      close: () => this.#tell({ type: "close" }),
      menu: () => this.#menu(),
    });
    if (this.#page) this.#panel.modal = this.#page.full && window.parent !== window;
    this.#panel.alone = window.parent === window;
    const colour = this.#session?.theme.colour ?? "";
    if (/^#[0-9a-f]{6}$/i.test(colour)) {
      const light = shades(colour, [241, 245, 249]);
      const dark = shades(colour, [43, 58, 80]);
      const look = {
        "--accent": light.colour,
        "--on-accent": light.on,
        "--strong-light": light.strong,
        "--strong-dark": dark.strong,
      };
      for (const [name, value] of Object.entries(look)) documentElement.style.setProperty(name, value);
    }
    body.replaceChildren(this.#panel.element);
  }

  /** Another tab wrote something. */
  #heard(key) {
    if (key !== TOKEN) this.#conversation?.heard(key);
    else if (this.#session) {
      const token = this.#shelf.get(TOKEN);
      if (token && subject(token) !== this.#visitor) this.#begin();
    }
  }

  // What happens in the conversation

  #entered(entry) {
    this.#log.entry(entry);
    this.#tell({ type: "active", at: milliseconds(entry.at) });
  }

  #settled(frame, answer) {
    if (frame.type === "bye") {
      this.#end();
      this.#panel.loading(this.#words.say("refused"));
    } else if (frame.type === "offline") {
      if (answer.type === "ack") this.#drafts.delete(DRAFT);
      this.#left = answer.type === "ack" ? { email: frame.email } : null;
      this.#screen = "";
      if (answer.type === "nack") this.#notes.set("offline", this.#words.refusal(answer.why));
    } else if (answer.type === "nack") this.#notes.set(frame.type, this.#words.refusal(answer.why));
    else if (frame.type === "transcript") {
      this.#notes.set("transcript", this.#words.say("transcript_sent", { email: this.#email }));
    } else if (frame.type === "rate") {
      this.#conversation.state.rated = true;
      this.#notes.set("rate", this.#words.say("rated"));
    }
    this.#draw();
  }

  get #email() {
    return this.#session.visitor.email || "";
  }

  #menu() {
    const chat = this.#conversation;
    if (!chat || this.#screen !== "chat" || !chat.begun) return [];
    const items = [];
    if (this.#email) items.push([this.#words.say("transcript"), () => this.#ask("transcript")]);
    if (!chat.over) items.push([this.#words.say("end"), () => this.#ask("end")]);
    return items;
  }

  #ask(type, what) {
    this.#notes.delete(type);
    this.#conversation.ask(type, what);
    this.#composer?.focus();
  }

  // What is shown

  /** Choose the screen of the moment, and bring what is on it up to date. */
  #draw() {
    if (!this.#conversation || this.#drawing) return;
    this.#drawing = true; // what is drawn may change something, which is drawn with it
    try {
      this.#drawAll();
    } finally {
      this.#drawing = false;
    }
  }

  #drawAll() {
    const wanted = this.#wanted();
    if (wanted !== this.#screen) this.#change(wanted);
    const chat = this.#conversation;
    this.#panel.line(chat.up ? "" : this.#words.say("offline"));
    this.#panel.who = this.#who();
    this.#panel.refresh();
    this.#log.pending(chat.pending, chat.up);
    this.#log.typing(chat.typing);
    if (this.#screen === "chat") this.#foot.draw(this.#notes);
    if (this.#page.shown && !document.hidden && this.#screen === "chat") chat.read();
    this.#tell({ type: "unread", count: chat.unread });
  }

  #wanted() {
    const chat = this.#conversation;
    if (chat.sends("offline")) return "leaving";
    if (this.#left) return "left";
    if (this.#asked) return "offline";
    if (chat.begun) return "chat";
    if (!this.#session.open) return "offline";
    return Form.asksNothing(this.#session, this.#page) ? "chat" : "form";
  }

  #change(screen) {
    const focused = document.hasFocus() && document.activeElement !== document.body;
    this.#screen = screen;
    this.#form = this.#composer = null;
    const show = {
      chat: () => this.#showChat(),
      form: () => this.#showForm("chat"),
      offline: () => this.#showForm("offline"),
      leaving: () => this.#panel.show(thanks(this.#words, this.#words.say("leaving"), true)),
      left: () =>
        this.#panel.show(thanks(this.#words, this.#words.say("sent", this.#left), false, () => this.#restart())),
    };
    show[screen]();
    if (focused && this.#page.shown) this.#focus();
  }

  #restart() {
    this.#left = null;
    this.#draw();
  }

  #showChat() {
    const words = this.#words;
    const shown = performance.now();
    this.#composer = new Composer(
      { words, upload: this.#session.upload, text: this.#drafts.get(DRAFT) ?? "" },
      {
        say: (text, files) => this.#say(text, files, performance.now() - shown),
        write: (text) => this.#wrote(text),
        upload: (file, progress, signal) => this.#uploaded(file, progress, signal),
      },
    );
    this.#panel.show(this.#log.element, this.#place, this.#composer.element);
    this.#log.toEnd();
  }

  #showForm(mode) {
    const chat = this.#conversation;
    const said = [...chat.entries].reverse().find(({ from }) => from === "visitor")?.text;
    const text = this.#drafts.get(DRAFT) ?? (this.#asked ? (said ?? chat.pending.at(-1)?.frame.text) : null) ?? "";
    const back = this.#asked ? () => this.#back() : null;
    const its = { words: this.#words, session: this.#session, page: this.#page, mode, text, place: this.#place };
    this.#form = new Form(its, {
      submit: (what, offline) => this.#submit(what, offline),
      draft: (draft) => this.#drafts.set(DRAFT, draft),
      back,
    });
    const wrong = this.#notes.get("offline");
    this.#notes.delete("offline");
    const sheet = el(
      "div",
      { class: "sheet" },
      wrong ? el("p", { class: "wrong", role: "alert" }, wrong) : null,
      this.#form.element,
    );
    this.#panel.show(sheet);
    chat.prepare();
  }

  #back() {
    this.#asked = false;
    this.#draw();
    this.#focus();
  }

  #submit(what, offline) {
    const chat = this.#conversation;
    const { text, ...about } = what;
    const { name, email } = Object.assign(
      this.#session.visitor,
      about.name && { name: about.name },
      about.email && { email: about.email },
    );
    this.#shelf.set(`person ${this.#visitor}`, { name, email });
    this.#asked = false;
    this.#tell({ type: "active", at: Date.now() });
    if (offline) {
      this.#drafts.set(DRAFT, text); // until the desk has it
      chat.ask("offline", what);
    } else {
      this.#drafts.delete(DRAFT);
      chat.say(text, [], about);
    }
  }

  #say(text, files, after) {
    const { name, email, department } = this.#page;
    const about = { name, email, department, fields: {}, trap: "", after_ms: Math.round(after) };
    this.#notes.clear();
    this.#conversation.say(text, files, about);
    this.#log.toEnd();
    this.#tell({ type: "active", at: Date.now() });
  }

  #wrote(text) {
    if (text) this.#drafts.set(DRAFT, text);
    else this.#drafts.delete(DRAFT);
    if (text.trim()) this.#conversation.write();
    else this.#conversation.stopTyping();
    if (!this.#conversation.begun) this.#conversation.prepare();
  }

  async #uploaded(file, progress, signal) {
    try {
      return await upload(this.#base, this.#session.token, file, progress, signal);
    } catch (error) {
      if (error.status === 401) this.#begin();
      throw error;
    }
  }

  #who() {
    const { state, begun, over } = this.#conversation;
    if (over && begun) return this.#words.say("resolved");
    if (state.agent) return this.#words.say("with_agent", { name: state.agent });
    if (!state.open) return this.#words.say("closed");
    return this.#words.say(begun ? "waiting_agent" : "online");
  }

  #leave() {
    this.#asked = true;
    this.#draw();
    this.#focus();
  }

  /** Put the focus where somebody would begin; on a phone a keyboard that comes up by itself would cover everything. */
  #focus() {
    const touch = matchMedia("(pointer: coarse)").matches;
    const at = touch ? null : (this.#composer ?? this.#form);
    if (at) at.focus();
    else this.#panel.heading.focus();
  }
}

/** Return whose token it is, or the token itself when that cannot be read. */
function subject(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(atob(part)).sub || token;
  } catch {
    return token;
  }
}

new Chat().start();
