// What an agent has not read, live, and the switch for push, which needs no token.
(() => {
  "use strict";

  const { Refused, ask, element, find, say } = desk;
  const shown = new Map(); // the notice of each ticket, by its number
  let last = null; // the last event of the stream
  let stop = null;

  function draw() {
    const newest = [...shown.values()].sort((one, other) => other.id - one.id);
    find("list").replaceChildren(...newest.map(item));
    document.title = newest.length ? `(${newest.length}) Notices` : "Notices";
    say(newest.length ? "" : "Nothing is unread.");
  }

  function item(notice) {
    const made = document.createElement("li");
    made.id = `ticket-${notice.ticket}`;
    const more = notice.count > 1 ? ` (${notice.count})` : "";
    const when = element("time", new Date(notice.at).toLocaleString());
    when.dateTime = notice.at;
    const read = element("button", "Mark as read");
    read.setAttribute("aria-label", `Mark ticket ${notice.ticket} as read`);
    read.addEventListener("click", () => page.guarded(() => mark({ tickets: [notice.ticket], up_to: notice.id })));
    const about = element("div", `${notice.customer} · ${notice.department} · ${notice.reason} · `);
    about.append(when);
    const link = element("a", `#${notice.ticket} ${notice.subject}`);
    link.href = `/tickets/${notice.ticket}`;
    made.append(element("strong", notice.headline + more), link);
    made.append(about, read);
    return made;
  }

  async function mark(what) {
    await ask("/me/notices/read", "POST", what);
  }

  async function load() {
    const notices = new Map();
    let before = "";
    do {
      const page = await ask(`/me/notices?limit=200${before}`);
      for (const one of page.notices) notices.set(one.ticket, one);
      before = page.next && `&before=${page.next}`;
    } while (before && notices.size < 1000);
    return notices;
  }

  async function heard(word, told) {
    if (word === "notice") {
      shown.set(told.ticket, told);
    } else if (word === "unread") {
      const known = await load();
      shown.clear();
      for (const [ticket, one] of known) shown.set(ticket, one);
    } else {
      shown.delete(told.ticket); // nothing of it was unread; what is again comes as a notice
    }
    draw();
  }

  // EventSource sends no Authorization header, so the stream is read by hand.
  async function follow(signal) {
    const headers = desk.headers();
    if (last !== null) headers["Last-Event-ID"] = last;
    const answer = await fetch("/api/v1/me/notices/stream", { headers, signal, cache: "no-store" });
    if (answer.status === 401) throw new Refused("The token is not valid any more.");
    if (!answer.ok) throw new Error((await answer.json()).error);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (text + value).split("\n\n");
      text = parts.pop();
      for (const part of parts) {
        const said = Object.fromEntries(part.split("\n").map((line) => line.split(/: (.*)/s, 2)));
        if (said.event) await heard(said.event, JSON.parse(said.data));
        if (said.id) last = said.id;
      }
    }
  }

  async function live() {
    stop = new AbortController();
    const { signal } = stop;
    while (!signal.aborted) {
      try {
        await follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refused) return page.leave(error.message);
        say(`Not connected: ${error.message}`);
      }
      await new Promise((done) => setTimeout(done, 2000));
    }
  }

  function bytes(key) {
    return Uint8Array.from(atob(key.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  }

  async function worker() {
    return "serviceWorker" in navigator ? navigator.serviceWorker.register("/notices/sw.js", { scope: "/notices" }) : null;
  }

  async function handIn(subscription) {
    const { endpoint, keys } = subscription.toJSON();
    const label = (navigator.userAgentData?.platform || navigator.platform || "").slice(0, 100);
    await ask("/me/devices", "POST", { endpoint, p256dh: keys.p256dh, auth: keys.auth, label });
  }

  async function offer() {
    const registered = await worker();
    if (!registered?.pushManager) return;
    const known = await registered.pushManager.getSubscription();
    if (known) await handIn(known); // the desk may have forgotten it, or its keys are new
    find("push").hidden = Boolean(known);
  }

  async function subscribe() {
    const { key } = await ask("/me/push");
    const registered = await worker();
    const wanted = { userVisibleOnly: true, applicationServerKey: bytes(key) };
    await handIn(await registered.pushManager.subscribe(wanted));
    find("push").hidden = true;
    say("You are told on this device.");
  }

  function enter() {
    live();
    page.guarded(offer);
  }

  function left() {
    stop?.abort();
    last = null;
    shown.clear();
    find("list").replaceChildren();
  }

  const page = desk.open("/me/notices?limit=1", enter, left);
  find("all").addEventListener("click", () => {
    const newest = Math.max(0, ...[...shown.values()].map((one) => one.id));
    page.guarded(() => mark({ all: true, up_to: newest }));
  });
  find("push").addEventListener("click", () => page.guarded(subscribe));
  page.start();
})();
