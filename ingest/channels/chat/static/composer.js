// Where the visitor writes: a text that grows, files that are uploaded while the text is still written.

import { el, icon, iconButton } from "./dom.js";

const LONGEST = 10_000;

export class Composer {
  #words;
  #upload;
  #by;
  #area;
  #files = [];
  #asked = false;
  #shelf;
  #picker;

  /**
   * @param {object} its `words`, `upload` (the session's: `most_bytes`, `most_files`, `types`) or null, `text` to begin
   *   with
   * @param {object} by `say(text, files)`, `write(text)` while somebody writes, `upload(file, progress)` which resolves
   *   to the desk's `{id, name, type, size}` or rejects with `{status, again}`
   */
  constructor({ words, upload, text }, by) {
    this.#words = words;
    this.#upload = upload;
    this.#by = by;
    const label = words.say("write");
    this.#area = el("textarea", {
      rows: 1,
      maxlength: LONGEST,
      placeholder: label,
      "aria-label": label,
      enterkeyhint: matchMedia("(pointer: coarse)").matches ? "enter" : "send",
      oninput: () => this.#wrote(),
      onkeydown: (event) => this.#key(event),
      onpaste: (event) => this.#pasted(event),
    });
    this.#area.value = text;
    this.#shelf = el("ul", { class: "files", hidden: true });
    this.#picker = el("input", {
      type: "file",
      multiple: true,
      hidden: true,
      tabindex: "-1",
      accept: upload?.types.join(",") || null,
    });
    this.#picker.addEventListener("change", () => {
      this.#take([...this.#picker.files]);
      this.#picker.value = "";
    });
    const attach = iconButton("attach", words.say("attach"), () => this.#picker.click());
    this.element = el(
      "form",
      { class: "composer", onsubmit: (event) => this.#submitted(event) },
      this.#shelf,
      el(
        "div",
        { class: "line" },
        upload ? [attach, this.#picker] : null,
        this.#area,
        iconButton("send", words.say("send"), null, { type: "submit", class: "icon-button send" }),
      ),
    );
    requestAnimationFrame(() => this.#grow());
  }

  focus() {
    this.#area.focus();
  }

  #wrote() {
    this.#grow();
    this.#by.write(this.#area.value);
  }

  #grow() {
    this.#area.style.height = "auto";
    if (this.#area.scrollHeight) this.#area.style.height = `${Math.min(this.#area.scrollHeight, 140)}px`;
  }

  #key(event) {
    const plain = event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
    if (!plain || matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    this.element.requestSubmit();
  }

  #pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || !this.#upload) return;
    event.preventDefault();
    this.#take(files);
  }

  #submitted(event) {
    event.preventDefault();
    const text = this.#area.value.trim();
    const ready = this.#files.filter(({ found }) => found);
    this.#asked = this.#files.some(({ found, failed }) => !found && !failed);
    this.#shelf.classList.toggle("asked", this.#asked);
    if (this.#asked) return; // it goes when they have arrived
    if (!text && !ready.length) {
      this.#area.focus();
      return;
    }
    this.#by.say(
      text,
      ready.map(({ found }) => found),
    );
    for (const file of this.#files.filter(({ found }) => found)) this.#remove(file);
    this.#area.value = "";
    this.#by.write("");
    this.#grow();
    this.#area.focus();
  }

  #take(files) {
    const most = this.#upload.most_files || Infinity;
    for (const file of files) {
      const item = { file, found: null, failed: false };
      item.element = el("li", {});
      this.#files.push(item);
      this.#shelf.append(item.element);
      if (this.#files.length > most) this.#fail(item, this.#words.say("too_many", { count: most }));
      else if (this.#upload.most_bytes && file.size > this.#upload.most_bytes) {
        this.#fail(item, this.#wrong(413));
      } else this.#send(item);
    }
    this.#shelf.hidden = !this.#files.length;
  }

  async #send(item) {
    item.failed = false;
    const bar = el("progress", {
      max: 1,
      value: 0,
      "aria-label": this.#words.say("uploading", { name: item.file.name }),
    });
    item.stop = new AbortController();
    this.#draw(item, bar);
    try {
      item.found = await this.#by.upload(item.file, (part) => (bar.value = part), item.stop.signal);
      this.#draw(item, el("span", { class: "size" }, this.#words.size(item.file.size)));
      if (this.#asked) this.element.requestSubmit();
    } catch ({ status, again }) {
      if (this.#files.includes(item)) this.#fail(item, this.#wrong(status), again);
    }
  }

  #wrong(status) {
    const { most_bytes: most } = this.#upload;
    if (status === 413) return this.#words.say("too_big", { size: this.#words.size(most) });
    return this.#words.say(status === 415 ? "file_refused" : "upload_failed");
  }

  #fail(item, words, again = false) {
    item.failed = true;
    this.#asked = false;
    const retry = el(
      "button",
      { type: "button", class: "link", onclick: () => this.#send(item) },
      this.#words.say("again"),
    );
    this.#draw(item, el("span", { class: "wrong", role: "alert" }, words), again ? retry : null);
  }

  #draw(item, ...state) {
    const { name } = item.file;
    item.element.className = item.failed ? "failed" : "";
    item.element.replaceChildren(
      icon("file"),
      el("span", { class: "name" }, name),
      ...state.filter(Boolean),
      iconButton("close", this.#words.say("remove", { name }), () => {
        this.#remove(item);
        this.#area.focus();
      }),
    );
  }

  #remove(item) {
    item.stop?.abort();
    this.#files = this.#files.filter((other) => other !== item);
    item.element.remove();
    this.#shelf.hidden = !this.#files.length;
  }
}

/** Upload a file; only XMLHttpRequest tells how far it is. Rejects with `{status, again}`: the HTTP status or 0. */
export function upload(base, token, file, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = (status) => reject({ status, again: status === 0 || status === 429 || status >= 500 });
    request.open("POST", new URL("files", base));
    request.responseType = "json";
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.setRequestHeader("X-Filename", encodeURIComponent(file.name));
    request.upload.addEventListener(
      "progress",
      (event) => event.lengthComputable && progress(event.loaded / event.total),
    );
    request.addEventListener("load", () => {
      if (request.status === 201 && request.response?.id) resolve(request.response);
      else fail(request.status);
    });
    request.addEventListener("error", () => fail(0));
    request.addEventListener("abort", () => fail(0));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
