// All films of a job in short, loaded range by range; ranges whose films have all ended stay.

import { get } from "./api.js";

const FIRST = 200; // a screenful at once, the rest behind it
const RANGE = 2500;
const OPEN = new Set(["queued", "running"]);

export class Rows {
  constructor(job, onchange) {
    this.job = job;
    this.onchange = onchange;
    this.films = []; // by seq; holes where nothing is loaded yet
    this.labels = [];
    this.total = 0;
    this.version = 0; // another one whenever a film is
    this.settled = new Set();
    this.working = null;
    this.again = false;
  }

  get loaded() { return this.count ?? 0; }

  // Loads what is missing or may have changed; calls meanwhile make it look once more.
  update(total) {
    this.total = total;
    this.again = true;
    this.working ??= this.#run().finally(() => { this.working = null; });
    return this.working;
  }

  async #run() {
    while (this.again) {
      this.again = false;
      for (const first of this.#ranges()) {
        if (!this.settled.has(first)) await this.#load(first);
      }
    }
  }

  *#ranges() {
    for (let first = 0; first < this.total; first = first ? first + RANGE : FIRST) yield first;
  }

  async #load(first) {
    const limit = first ? RANGE : FIRST;
    const columns = await get(`/v1/jobs/${this.job}/rows?first=${first}&limit=${limit}`);
    if (columns.labels.length) this.labels = columns.labels;
    const { seq } = columns;
    let open = false;
    for (let at = 0; at < seq.length; at += 1) {
      const film = {
        seq: seq[at], id: columns.id[at], name: columns.name[at], status: columns.status[at],
        code: columns.error_code[at], reason: columns.error_reason[at], duplicate: columns.duplicate[at],
        top: columns.top_label[at], shares: columns.probabilities[at], positive: columns.positive[at],
        flags: flagsOf(columns, at),
      };
      if (!(film.seq in this.films)) this.count = this.loaded + 1;
      this.films[film.seq] = film;
      open ||= OPEN.has(film.status);
    }
    if (!open && seq.length === limit) this.settled.add(first);
    this.version += 1;
    this.onchange(this);
  }

  // A job that was retried has films again that change.
  forget() { this.settled.clear(); }

  // How likely a label is for a film; without one, its top label.
  share(film, label) {
    if (!film.shares) return -1;
    return film.shares[this.labels.indexOf(label || film.top)] ?? -1;
  }
}

function flagsOf(columns, at) {
  const flags = [...(columns.flags[at] ?? [])];
  if (columns.in_distribution[at] === false) flags.unshift("out_of_distribution");
  if (columns.duplicate[at]) flags.push("duplicate");
  return flags;
}
