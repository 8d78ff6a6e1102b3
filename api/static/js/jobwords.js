// A job in words and bars, and what can be done with it; the list and the single job share it.

import { ask, post } from "./api.js";
import { attempt, h } from "./dom.js";
import { decimal, duration, number, t, word } from "./texts.js";

export const OVER = ["succeeded", "completed_with_errors", "failed", "cancelled", "expired"];
export const isOver = (job) => OVER.includes(job.status);
const TONE = { succeeded: "good", completed_with_errors: "warn", failed: "bad", expired: "warn", running: "live", expanding: "live", receiving: "live", cancelling: "warn" };

export function badge(job) {
  if (job.paused && !isOver(job)) return h("span", { class: "badge warn" }, t("status.paused"));
  return h("span", { class: `badge ${TONE[job.status] ?? ""}` }, word("status", job.status));
}

export function shares(job) {
  const { counts } = job;
  const total = Math.max(job.expansion?.entries_total ?? 0, counts.total) || 1;
  return [counts.succeeded, counts.failed, counts.cancelled].map((count) => (100 * count) / total);
}

export function fillBar(bar, job) {
  const parts = shares(job);
  [...bar.children].forEach((part, at) => { part.style.width = `${parts[at]}%`; });
  bar.setAttribute("aria-valuenow", Math.round(parts.reduce((sum, part) => sum + part, 0)));
}

export function said(job) {
  const { counts } = job;
  const words = [counts.total ? t("job.read_of", { read: number(counts.succeeded), total: number(counts.total) }) : t("job.unpacking")];
  if (counts.failed) words.push(t("job.failed_n", { n: number(counts.failed) }));
  if (counts.cancelled) words.push(t("job.cancelled_n", { n: number(counts.cancelled) }));
  if (job.rate_films_per_second) words.push(rate(job));
  if (!isOver(job) && job.eta_seconds !== null) words.push(t("job.left", { time: duration(job.eta_seconds) }));
  if (job.queue_position) words.push(t("job.before", { n: number(job.queue_position) }));
  return words;
}

export const rate = (job) => (job.rate_films_per_second ? t("job.rate", { n: decimal(job.rate_films_per_second) }) : "–");

// The buttons of a job as it stands; `again` is called after each that worked.
export function actions(job, again, { gone = again, compact = false } = {}) {
  const size = compact ? " compact" : "";
  const button = (key, work, tone = "") => h("button", { class: `button plain${size} ${tone}`, type: "button", onclick: attempt(async () => again(await work())) }, t(key));
  const call = (verb) => () => post(`${job.links.self}/${verb}`);
  const made = [];
  if (!isOver(job) && job.status !== "cancelling") {
    made.push(job.paused ? button("action.resume", call("resume")) : button("action.pause", call("pause")));
    made.push(button("action.cancel", call("cancel"), "danger"));
  }
  const again_helps = job.counts.failed || job.error?.code === "attempts_exhausted"; // an archive was given up
  if (["completed_with_errors", "failed"].includes(job.status) && again_helps) made.push(button("action.retry", call("retry")));
  made.push(exports(job, size));
  if (isOver(job)) {
    made.push(h("button", { class: `button plain danger${size}`, type: "button", onclick: attempt(async () => {
      if (!confirm(t("action.delete_sure", { name: job.name || t("job.title") }))) return;
      await ask(job.links.self, { method: "DELETE" });
      gone();
    }) }, t("action.delete")));
  }
  return made;
}

const RUN = 10_000; // most items that one zip of pictures may hold

// What can be taken of a job, as texts and addresses: pictures in as many zips as they need.
export function exportsOf(job) {
  const results = (format) => `${job.links.results}?format=${format}`;
  const { total } = job.counts;
  const runs = Array.from({ length: Math.max(1, Math.ceil(total / RUN)) }, (_, at) => at * RUN);
  const zips = (kind, what) => runs.map((first) => [
    total > RUN ? t("export.run", { what, first: number(first + 1), last: number(Math.min(first + RUN, total)) }) : what,
    `${job.links.self}/pictures?kind=${kind}&limit=${RUN}&cursor=${first}`]);
  return [[t("export.csv"), results("csv")], [t("export.ndjson"), results("ndjson")],
    ...zips("mask", t("export.masks")), ...zips("overlay", t("export.overlays"))];
}

export const exportLink = ([text, href]) => h("a", { href, download: true }, text);

const exports = (job, size) => h("details", { class: "menu" }, h("summary", { class: `button plain${size}` }, t("action.export")),
  h("div", {}, ...exportsOf(job).map(exportLink)));
addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.activeElement?.closest(".menu[open]");
  if (menu) { menu.open = false; menu.firstChild.focus(); }
});
