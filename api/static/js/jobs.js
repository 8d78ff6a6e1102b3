// The list of jobs.

import { get } from "./api.js";
import { $, attempt, h, repeat } from "./dom.js";
import { actions, badge, fillBar, isOver, said } from "./jobwords.js";
import { moment, t } from "./texts.js";

const PAGE = 30;
let shown = PAGE;

async function load() {
  const jobs = [];
  let cursor = null;
  do {
    const query = new URLSearchParams({ limit: Math.min(PAGE, shown - jobs.length) });
    if ($("status").value) query.set("status", $("status").value);
    if (cursor) query.set("cursor", cursor);
    const page = await get(`/v1/jobs?${query}`);
    jobs.push(...page.items);
    cursor = page.next;
  } while (cursor && jobs.length < shown);
  draw(jobs, cursor);
  return jobs.some((job) => !isOver(job)) ? 2 : 10;
}

function draw(jobs, cursor) {
  const sought = $("search").value.trim().toLowerCase();
  const found = jobs.filter((job) => `${job.name} ${job.id} ${job.bundle}`.toLowerCase().includes(sought));
  const known = new Map([...$("jobs").children].map((row) => [row.dataset.id, row]));
  const rows = found.map((job) => {
    const state = JSON.stringify([job.status, job.paused, job.counts, job.name, job.rate_films_per_second, job.eta_seconds]);
    const there = known.get(job.id);
    if (there?.dataset.state === state) return there;
    // What somebody is using stays as it is until the next turn.
    if (there?.contains(document.activeElement) && there.querySelector(".menu[open]")) return there;
    return row(job, state, there);
  });
  const focused = document.activeElement;
  const old = [...$("jobs").children];
  if (rows.length !== old.length || rows.some((one, at) => one !== old[at])) $("jobs").replaceChildren(...rows);
  if (focused?.isConnected) focused.focus();
  $("loading").hidden = true;
  $("empty").hidden = found.length > 0;
  $("more").hidden = !cursor;
}

function row(job, state, there) {
  const used = there?.contains(document.activeElement) ? [...there.querySelectorAll("a,button,summary")].indexOf(document.activeElement) : -1;
  const bar = h("div", { class: "bar", role: "progressbar", "aria-label": t("job.progress"), "aria-valuemin": "0", "aria-valuemax": "100" }, h("i"), h("i", { class: "bad" }), h("i", { class: "off" }));
  fillBar(bar, job);
  const made = h("li", { class: "card job-row", "data-id": job.id, "data-state": state },
    h("div", { class: "row" }, h("a", { class: "name", href: `/jobs/${job.id}`, translate: "no" }, job.name || t("job.unnamed")), badge(job)),
    h("div", { class: "row" }, ...actions(job, again, { compact: true })),
    bar,
    h("p", { class: "words" }, ...[...said(job), moment(job.created_at)].map((word) => h("span", {}, word)), h("span", { translate: "no" }, job.bundle)));
  if (used >= 0) requestAnimationFrame(() => made.querySelectorAll("a,button,summary")[used]?.focus());
  return made;
}

const again = repeat(load);
$("status").addEventListener("change", () => { shown = PAGE; again(); });
$("search").addEventListener("input", attempt(load));
$("more").addEventListener("click", () => { shown += PAGE; again(); });
