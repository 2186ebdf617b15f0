// Elements made by hand. Nothing here or elsewhere takes HTML: whatever somebody wrote is text.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  attach: "M20 11.5l-8.2 8.2a5 5 0 0 1-7-7l8.5-8.6a3.4 3.4 0 0 1 4.8 4.8l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4l7.8-7.8",
  bad: "M17 3v11M7.5 14H5a2 2 0 0 1-2-2.3l1-6.7a2.3 2.3 0 0 1 2.3-2H17v11l-4 7a2.5 2.5 0 0 1-2.5-2.5V14z",
  close: "M6 6l12 12M18 6L6 18",
  down: "M12 5v14M6 13l6 6 6-6",
  file: "M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8zM14 3v5h5",
  good: "M7 21V10M16.5 10H19a2 2 0 0 1 2 2.3l-1 6.7a2.3 2.3 0 0 1-2.3 2H7V10l4-7a2.5 2.5 0 0 1 2.5 2.5V10z",
  menu: "M12 5.5v.01M12 12v.01M12 18.5v.01",
  send: "M3.4 4.6a.8.8 0 0 1 1.1-1l16 7.7a.8.8 0 0 1 0 1.4l-16 7.7a.8.8 0 0 1-1.1-1L6 12.9l7-.9-7-.9z",
  tick: "M5 12.5l4.5 4.5L19 7.5",
};

/**
 * Return an element. A property that begins with `on` is a listener, `class` and everything else an attribute: `true`
 * stands for an empty one, `false`, null and undefined for none. Children are nodes or text; null and false are left
 * out.
 */
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon ${name}`);
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Return a button that shows only an icon and says its name to those who cannot see it. */
export function iconButton(name, label, onclick, properties = {}) {
  return el(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...properties },
    icon(name),
  );
}

const LINK = /https?:\/\/[^\s<>"'`]+/gi;

/** Return a text as nodes, its web addresses as links; nothing but http and https ever becomes one. */
export function linked(text) {
  const nodes = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const address = trimmed(found);
    let url;
    try {
      url = new URL(address);
    } catch {
      continue;
    }
    if (url.protocol !== "http:" && url.protocol !== "https:") continue;
    nodes.push(text.slice(from, index), outward(url.href, address));
    from = index + address.length;
  }
  return [...nodes, text.slice(from)].filter(Boolean);
}

/** Return a link that opens beside the page and tells the other side nothing about it. */
export function outward(href, ...children) {
  return el("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** Return an address without what belongs to the sentence: a full stop, a bracket that was opened before it. */
function trimmed(address) {
  let end = address.length;
  for (; end > 0; end--) {
    const last = address[end - 1];
    const open = { ")": "(", "]": "[" }[last];
    const part = address.slice(0, end);
    const closes = open && part.split(last).length > part.split(open).length;
    if (!closes && !/[.,;:!?…*_~]/.test(last)) break;
  }
  return address.slice(0, end);
}

/** Return the colours the sheet needs for a theme's colour: text on it, and a shade of it that can be read as text. */
export function shades(colour, background) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const other = luminance(background);
  const goal = other > 0.5 ? 0 : 255;
  let strong = parts;
  while (contrast(luminance(strong), other) < 5 && strong.some((part) => part !== goal)) {
    strong = strong.map((part) => Math.round(part + Math.sign(goal - part) * Math.max(1, Math.abs(goal - part) * 0.1)));
  }
  const on = luminance(parts) > 0.179 ? "#000000" : "#ffffff";
  return { colour, on, strong: `rgb(${strong.join(" ")})` };
}

// https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
function luminance(parts) {
  const [red, green, blue] = parts
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}
