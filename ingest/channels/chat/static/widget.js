// The chat's launcher, on a page of the team's site:
//
//     <script src="https://desk.acme.example/chat/site-chat/widget.js" async data-department="billing"></script>
//
// It adds one button to the page, and an iframe once somebody opens the chat or an answer may come. Everything else
// happens in the iframe, on the desk's own origin. The page and the iframe tell each other what stands in `told` and
// `hear` below, each to the other's exact origin. No cookies, no request to anybody but the desk, one global:
// `FrontdeskChat`.
(() => {
  "use strict";
  // The desk replaces this line with the look its desk file gives the channel.
  const LOOK = { colour: "#1f5fbf", position: "right", lang: "en", labels: { en: "Chat with us" } };
  const REMEMBERED_DAYS = 14; // how long after the last message a page looks for answers without being asked to
  const SHEET = `
    .frame, .launcher, .badge { box-sizing: border-box; margin: 0; border: 0; }
    .launcher { position: fixed; bottom: calc(20px + env(safe-area-inset-bottom, 0px)); z-index: 2147483000;
      display: flex; align-items: center; justify-content: center; gap: 10px;
      min-width: 56px; height: 56px; padding: 0 20px 0 18px;
      border-radius: 28px; cursor: pointer; font: 600 16px/1.2 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
      box-shadow: 0 2px 6px rgb(15 23 42 / .16), 0 8px 24px rgb(15 23 42 / .2); transition: box-shadow .15s; }
    .launcher:hover { box-shadow: 0 2px 8px rgb(15 23 42 / .24), 0 10px 30px rgb(15 23 42 / .28); }
    .launcher:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #0f172a; }
    .launcher.open { width: 56px; padding: 0; }
    .launcher.open .label { display: none; }
    .launcher svg { width: 24px; height: 24px; flex: none; }
    .badge { position: absolute; top: -4px; inset-inline-end: -4px; min-width: 22px; height: 22px;
      padding: 0 6px; border-radius: 11px; background: #b91c1c; color: #fff; text-align: center;
      font: 700 13px/22px system-ui, sans-serif; }
    .frame { position: fixed; bottom: calc(88px + env(safe-area-inset-bottom, 0px)); z-index: 2147483000; width: 392px;
      height: min(680px, calc(100vh - 108px)); border-radius: 16px; background: #fff; color-scheme: normal;
      box-shadow: 0 4px 12px rgb(15 23 42 / .12), 0 16px 48px rgb(15 23 42 / .24); }
    .right { right: calc(20px + env(safe-area-inset-right, 0px)); }
    .left { left: calc(20px + env(safe-area-inset-left, 0px)); }
    .full.frame { inset: 0; width: 100%; height: 100%; border-radius: 0; box-shadow: none; }
    .full.launcher.open, [hidden] { display: none !important; }
    @media (max-width: 480px) { .launcher { width: 56px; padding: 0; } .label { display: none; } }
    @media (prefers-reduced-motion: reduce) { .launcher { transition: none; } }
    @media (forced-colors: active) { .launcher, .frame { border: 1px solid; } }
    @media print { .launcher, .frame { display: none; } }`;
  const ICONS = {
    chat: "M6 4h12a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7l-5 4v-4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z",
    close: "M6 6l12 12M18 6L6 18",
  };

  const script = document.currentScript;
  if (window.FrontdeskChat || !script) return; // the line stands on the page twice
  const base = new URL(".", script.src);
  const given = script.dataset;
  const side = (given.position || LOOK.position) === "left" ? "left" : "right";
  const small = matchMedia("(max-width: 480px), (max-height: 480px)");
  const key = `frontdesk ${base.pathname}`;
  const first = given.label || label();
  const labels = { open: first, close: first, unread: "{count}", title: "" };
  /** What the iframe is told of the page, whole each time. */
  const told = {
    lang: given.lang || "",
    name: given.name || "",
    email: given.email || "",
    department: given.department || "",
    siteToken: given.siteToken || null,
    scheme: given.scheme || "light",
    shown: false,
    full: small.matches,
  };
  let place, button, words, badge, frame, listens;
  let last = "";
  let count = 0;

  function label() {
    for (const wish of [given.lang || "", ...navigator.languages, LOOK.lang]) {
      const found = LOOK.labels[wish.toLowerCase()] || LOOK.labels[wish.toLowerCase().split("-")[0]];
      if (found) return found;
    }
    return LOOK.labels.en;
  }

  /** Return what the browser remembers for this tab or for all; a browser may refuse to remember. */
  function remembered(storage) {
    try {
      return window[storage].getItem(key);
    } catch {
      return null;
    }
  }

  function remember(storage, value) {
    try {
      if (value) window[storage].setItem(key, value);
      else window[storage].removeItem(key);
    } catch {
      // then the chat begins closed on the next page
    }
  }

  /** Return black or white, whichever is easier to read on a colour (WCAG 2.2, relative luminance). */
  function ink(colour) {
    const [red, green, blue] = [1, 3, 5]
      .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
  }

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", ICONS[name]);
    path.setAttribute("fill", name === "chat" ? "currentColor" : "none");
    path.setAttribute("stroke", "currentColor");
    path.setAttribute("stroke-width", "2");
    path.setAttribute("stroke-linecap", "round");
    svg.append(path);
    return svg;
  }

  function mount() {
    place = document.createElement("aside");
    place.style.all = "initial"; // the page's own rules for asides stay out
    place.id = "frontdesk-chat";
    const root = place.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(SHEET);
    root.adoptedStyleSheets = [sheet]; // no <style>: a page's style-src would refuse it
    const colour = /^#[0-9a-f]{6}$/i.test(given.colour || "") ? given.colour : LOOK.colour;
    button = document.createElement("button");
    button.type = "button";
    button.style.background = colour;
    button.style.color = ink(colour);
    words = document.createElement("span");
    words.className = "label";
    badge = document.createElement("span");
    badge.className = "badge";
    button.addEventListener("click", () => show(!told.shown));
    root.append(button);
    document.body.append(place);
    small.addEventListener("change", draw);
    window.visualViewport?.addEventListener("resize", fit);
    window.visualViewport?.addEventListener("scroll", fit);
    draw();
    const active = Number(remembered("localStorage"));
    if (told.shown || remembered("sessionStorage")) show(true, false);
    else if (Date.now() - active < REMEMBERED_DAYS * 86_400_000) idle(load);
  }

  function idle(act) {
    if (window.requestIdleCallback) requestIdleCallback(act, { timeout: 4000 });
    else setTimeout(act, 1000);
  }

  function draw() {
    if (!button) return;
    const { shown } = told;
    const unread = !shown && count > 0;
    told.full = small.matches;
    button.className = `launcher ${side}${shown ? " open" : ""}${told.full ? " full" : ""}`;
    button.setAttribute("aria-expanded", String(shown));
    const name = shown ? labels.close : labels.open;
    button.setAttribute("aria-label", unread ? `${name}. ${labels.unread.replace("{count}", count)}` : name);
    words.textContent = labels.open;
    badge.textContent = count > 9 ? "9+" : count;
    badge.hidden = !unread;
    button.replaceChildren(icon(shown ? "close" : "chat"), words, badge);
    place.setAttribute("aria-label", labels.open);
    if (!frame) return;
    frame.className = `frame ${side}${told.full ? " full" : ""}`;
    frame.hidden = !shown;
    frame.title = labels.title || labels.open;
    fit();
    tell();
  }

  /** Keep a full-screen chat above the keyboard of a phone. */
  function fit() {
    if (!frame) return;
    const view = window.visualViewport;
    const covers = told.full && told.shown && view && view.scale < 1.01;
    frame.style.top = covers ? `${view.offsetTop}px` : "";
    frame.style.height = covers ? `${view.height}px` : "";
    frame.style.bottom = covers ? "auto" : "";
  }

  function load() {
    if (frame) return;
    frame = document.createElement("iframe");
    frame.setAttribute(
      "sandbox",
      "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox allow-downloads",
    );
    frame.hidden = true;
    frame.src = new URL(`frame#${encodeURIComponent(location.origin)}`, base).href;
    button.before(frame);
    draw();
  }

  function show(open, focus = true) {
    const inside = document.activeElement === place;
    told.shown = open;
    remember("sessionStorage", open ? "open" : "");
    if (!button) return;
    if (open) load();
    draw();
    if (open && focus) {
      frame.focus();
      tell(true);
    } else if (!open && inside) button.focus();
  }

  /** Tell the iframe how the page is, when that is news; `focus`: the visitor has just come to it. */
  function tell(focus = false) {
    const now = JSON.stringify(told);
    if (!listens || (now === last && !focus)) return;
    last = now;
    frame.contentWindow.postMessage({ frontdesk: { ...told, focus } }, base.origin);
  }

  const hear = {
    ready() {
      listens = true;
      last = "";
      tell(told.shown && document.activeElement === place);
    },
    close: () => show(false),
    unread(what) {
      count = Math.max(0, Math.trunc(Number(what.count))) || 0;
      draw();
    },
    labels(what) {
      for (const name of Object.keys(labels)) {
        if (typeof what[name] === "string" && !(name === "open" && given.label)) labels[name] = what[name];
      }
      draw();
    },
    active: (what) => remember("localStorage", String(Number(what.at) || "")),
  };

  window.addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== base.origin) return;
    const what = event.data?.frontdesk;
    if (what && Object.hasOwn(hear, what.type)) hear[what.type](what);
  });

  window.FrontdeskChat = Object.freeze({
    open: () => show(true),
    close: () => show(false),
    /** Say who is logged in, by a token your server signed; null when they log out. */
    identify(siteToken) {
      told.siteToken = siteToken || "";
      if (button) draw();
    },
    /** Choose the department of the next conversation by its id; "" lets the visitor choose. */
    department(id) {
      told.department = id || "";
      if (button) draw();
    },
  });

  if (document.body) mount();
  else document.addEventListener("DOMContentLoaded", mount);
})();
