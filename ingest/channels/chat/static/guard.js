// What keeps programs out: a small computation, or Cloudflare's Turnstile where the desk has set it up.

const SLICE_MS = 8;
const TURNSTILE = "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit";

/** Turnstile gave no proof. */
export class ProofError extends Error {}

/**
 * Return a function that resolves to the proof of a challenge, worked out once and from now on.
 *
 * @param {null | {kind: string, salt?: string, bits?: number, site_key?: string}} challenge of the session
 * @param {HTMLElement} place where Turnstile may show something
 */
export function guard(challenge, place) {
  let proof;
  if (challenge?.kind === "pow") proof = solve(challenge.salt, challenge.bits);
  else if (challenge?.kind === "turnstile") proof = turnstile(challenge.site_key, place);
  else proof = Promise.resolve(undefined);
  proof.catch(() => {}); // whoever asks for it hears it
  return () => proof;
}

/** Resolve to `salt:number` whose SHA-256 begins with so many zero bits; in slices, so that the page stays quick. */
async function solve(salt, bits) {
  const encoder = new TextEncoder();
  for (let nonce = 0; ;) {
    const end = performance.now() + SLICE_MS;
    for (; performance.now() < end; nonce++) {
      const proof = `${salt}:${nonce}`;
      if (zeros(sha256(encoder.encode(proof))) >= bits) return proof;
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function zeros(words) {
  let count = 0;
  for (const word of words) {
    count += Math.clz32(word);
    if (word !== 0) break;
  }
  return count;
}

const ROUND = [];
const START = [];
for (let number = 2; ROUND.length < 64; number++) {
  let prime = true;
  for (let by = 2; by * by <= number; by++) prime &&= number % by !== 0;
  if (!prime) continue;
  if (START.length < 8) START.push(fraction(number ** (1 / 2)));
  ROUND.push(fraction(number ** (1 / 3)));
}

function fraction(root) {
  return ((root - Math.floor(root)) * 2 ** 32) | 0;
}

/**
 * Return the eight words of a digest (FIPS 180-4). The browser's own is for secure pages only, and one promise each.
 */
export function sha256(bytes) {
  const blocks = (bytes.length + 9 + 63) >> 6;
  const message = new DataView(new ArrayBuffer(blocks << 6));
  new Uint8Array(message.buffer).set(bytes);
  message.setUint8(bytes.length, 0x80);
  message.setUint32((blocks << 6) - 4, bytes.length << 3);
  const hash = Int32Array.from(START);
  const w = new Int32Array(64);
  for (let block = 0; block < blocks; block++) {
    for (let at = 0; at < 16; at++) w[at] = message.getInt32((block << 6) + (at << 2));
    for (let at = 16; at < 64; at++) {
      const s0 = turn(w[at - 15], 7) ^ turn(w[at - 15], 18) ^ (w[at - 15] >>> 3);
      const s1 = turn(w[at - 2], 17) ^ turn(w[at - 2], 19) ^ (w[at - 2] >>> 10);
      w[at] = w[at - 16] + s0 + w[at - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = hash;
    for (let at = 0; at < 64; at++) {
      const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
      const one = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[at] + w[at]) | 0;
      const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
      const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, at) => (hash[at] += word));
  }
  return hash;
}

function turn(word, by) {
  return (word >>> by) | (word << (32 - by));
}

/** Resolve to Turnstile's token (https://developers.cloudflare.com/turnstile/get-started/client-side-rendering/). */
async function turnstile(siteKey, place) {
  if (!window.turnstile) await load(TURNSTILE);
  place.replaceChildren(); // one that is used up
  return new Promise((resolve, reject) => {
    window.turnstile.render(place, {
      sitekey: siteKey,
      callback: resolve,
      "error-callback": () => reject(new ProofError("Turnstile found no proof")),
    });
  });
}

function load(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new ProofError("Turnstile could not be loaded")));
    document.head.append(script);
  });
}
