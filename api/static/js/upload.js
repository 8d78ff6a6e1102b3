// An archive in parts, several at a time; what has arrived is not sent again, also after a break.

import { get, hex, post, Problem, randomKey, send } from "./api.js";

const AT_A_TIME = 3;
const TRIES = 5;
const KEY = "lungline.uploads";

const remembered = () => { try { return JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { return {}; } };
function remember(name, id) {
  const all = remembered();
  if (id) all[name] = id; else delete all[name];
  try { localStorage.setItem(KEY, JSON.stringify(all)); } catch { /* then nothing is resumed */ }
}

// The same files, chosen again, have the same name here; the names of films are not kept.
// Browsers hash nothing without https: then the name is good for these files until they are chosen again.
export async function fingerprint(files) {
  if (!crypto.subtle) return randomKey();
  const text = files.map(({ file, name }) => `${name}\0${file.size}\0${file.lastModified}`).join("\0");
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

// Returns the id of the upload once it is complete, or was before: it may even be a job's, of which
// the answer was lost. `onprogress` hears the bytes that have arrived, by parts:
// a function that tells how many bytes before a place have.
export async function upload(blob, { filename, print, onprogress, signal }) {
  const opened = await open(blob, filename, print);
  if (opened.status !== "open") { onprogress(blob.size, () => true); return opened.id; }
  const size = opened.part_size;
  const there = new Map(opened.parts.map((part) => [part.number, part.size]));
  const tell = () => onprogress([...there.values()].reduce((sum, bytes) => sum + bytes, 0), (from, to) => {
    for (let number = Math.floor(from / size) + 1; number <= Math.floor(Math.max(from, to - 1) / size) + 1; number += 1) if (there.get(number) !== Math.min(size, blob.size - (number - 1) * size)) return false;
    return true;
  });
  tell();
  const left = [];
  for (let number = 1; number <= opened.part_count; number += 1) if (!there.has(number)) left.push(number);
  const work = async () => {
    while (left.length) {
      const number = left.shift();
      const part = blob.slice((number - 1) * size, number * size);
      await put(opened.id, number, part, (bytes) => { there.set(number, Math.min(bytes, part.size - 1)); tell(); }, signal);
      there.set(number, part.size);
      tell();
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  await complete(opened.id);
  return opened.id;
}

export const forget = (print) => remember(print, null);

async function open(blob, filename, print) {
  const known = remembered()[print];
  if (known) {
    try {
      const there = await get(`/v1/uploads/${known}`);
      if (there.size === blob.size && ["open", "complete", "used"].includes(there.status)) return there;
    } catch (error) {
      if (error.status !== 404) throw error;
    }
  }
  const made = await post("/v1/uploads", { filename: filename.slice(-200), size: blob.size });
  remember(print, made.id);
  return { ...made, parts: [] };
}

async function put(id, number, part, onprogress, signal) {
  for (let tried = 1; ; tried += 1) {
    try {
      const links = await get(`/v1/uploads/${id}/links?first=${number}&limit=1`, { signal });
      await send(links.items[0].url, part, { method: "PUT", onprogress, signal });
      return;
    } catch (error) {
      const hopeless = error.name === "AbortError" || (error.status >= 400 && error.status < 500 && ![408, 409, 429].includes(error.status));
      if (hopeless || tried === TRIES) throw error;
      await new Promise((done) => setTimeout(done, 500 * 2 ** tried * (0.5 + Math.random())));
    }
  }
}

async function complete(id) {
  for (let tried = 1; ; tried += 1) {
    try { return await post(`/v1/uploads/${id}/complete`); } catch (error) {
      if (!(error instanceof Problem) || error.code !== "upload_busy" || tried === 60) throw error;
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
}
