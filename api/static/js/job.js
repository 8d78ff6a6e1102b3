// One job: how far it is, what was found, and its films.

import { ask } from "./api.js";
import { $, bar, h, repeat } from "./dom.js";
import { actions, badge, exportLink, exportsOf, fillBar, isOver, rate } from "./jobwords.js";
import { keepOrder } from "./order.js";
import { Rows } from "./rows.js";
import { Table } from "./table.js";
import { duration, moment, number, percent, reason, t, word } from "./texts.js";

const id = $("job").dataset.job;
const ROW = 56;
const rows = new Rows(id, soon);
const table = new Table($("scroll"), $("rows"), ROW, row);
const view = { sort: "seq", down: false, code: "" };
let job = null;

/* The job itself */

async function load() {
  const { body, headers } = await ask(`/v1/jobs/${id}`);
  // It may have ended, been retried elsewhere and ended again while nobody looked here.
  if (job && (job.finished_at !== body.finished_at || body.counts.failed < job.counts.failed)) rows.forget();
  job = body;
  drawJob();
  await rows.update(job.counts.total);
  soon();
  return isOver(job) ? null : Math.min(Number(headers.get("Retry-After") ?? 1), 5);
}

function drawJob() {
  for (const part of ["job", "progress", "films"]) $(part).hidden = false;
  $("loading").hidden = true;
  document.title = `${job.name || t("job.title")} · Lungline`;
  $("title").textContent = job.name || t("job.unnamed");
  $("status").replaceChildren(badge(job));
  const state = JSON.stringify([job.status, job.paused, job.counts.failed > 0]);
  if ($("actions").dataset.state !== state) {
    $("actions").dataset.state = state;
    $("actions").replaceChildren(...actions(job, again, { gone: () => { location.href = "/jobs"; } }));
  }
  // While a job grows, it comes to have more zips; its buttons stay, as somebody may be pressing one.
  refill($("actions").querySelector(".menu > div"), exportsOf(job), exportLink);
  fillBar($("bar"), job);
  const { counts, expansion } = job;
  const facts = [
    ["job.fact_read", t("job.of", { n: number(counts.succeeded), total: number(counts.total) })],
    ["job.fact_failed", number(counts.failed)],
    ["job.fact_rate", rate(job)],
    isOver(job) ? ["job.fact_ended", moment(job.finished_at)] : ["job.fact_left", job.eta_seconds === null ? t("job.unknown") : duration(job.eta_seconds)],
    ["job.fact_created", moment(job.created_at)],
    ["job.fact_bundle", h("span", { translate: "no" }, job.bundle)],
  ];
  if (counts.reused) facts.splice(2, 0, ["job.fact_reused", number(counts.reused)]);
  if (counts.cancelled) facts.splice(2, 0, ["job.fact_cancelled", number(counts.cancelled)]);
  if (job.queue_position) facts.splice(2, 0, ["job.fact_before", number(job.queue_position)]);
  if (expansion) facts.splice(2, 0, ["job.fact_entries", t("job.entries", { seen: number(expansion.entries_seen), ignored: number(expansion.ignored), duplicate: number(expansion.duplicate) })]);
  $("facts").replaceChildren(...facts.map(([key, value]) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, value))));
  $("job-error").hidden = !job.error;
  $("job-error").textContent = job.error ? `${reason(job.error, "job_code")} (${job.error.code})` : "";
}

/* What was found */

const labelClass = (label) => `l${Math.max(0, rows.labels.indexOf(label)) % 8}`;
const chip = (label) => h("span", { class: `label ${labelClass(label)}` }, word("label", label));

// Counts over all films; of a hundred thousand only after some have changed.
let counted = { version: -1 };
function count() {
  if (counted.version === rows.version) return counted;
  const tops = new Map(rows.labels.map((label) => [label, 0]));
  const failures = new Map();
  const flags = new Map();
  rows.films.forEach((film) => {
    if (film.top) tops.set(film.top, (tops.get(film.top) ?? 0) + 1);
    if (film.code) {
      const one = failures.get(film.code) ?? { code: film.code, reason: film.reason, count: 0 };
      one.count += 1;
      failures.set(film.code, one);
    }
    for (const flag of film.flags) flags.set(flag, (flags.get(flag) ?? 0) + 1);
  });
  const read = [...tops.values()].reduce((sum, some) => sum + some, 0);
  counted = { version: rows.version, tops, failures, flags, read };
  return counted;
}

function drawFound() {
  const { tops, failures, flags, read } = count();
  $("panels").hidden = !read && !failures.size;
  $("classes").hidden = !read;
  $("failed").hidden = !failures.size;
  $("classes").classList.toggle("only", !failures.size);
  $("failed").classList.toggle("only", !read);
  refill($("chart"), [...tops], ([label, count]) => h("li", {}, h("button", { type: "button", "aria-pressed": String($("finding").value === label), onclick: () => { $("finding").value = $("finding").value === label ? "" : label; soon(); } },
    chip(label), coloured(count / Math.max(1, read), label), h("span", { class: "count" }, `${number(count)} · ${percent(count / Math.max(1, read))}`))), $("finding").value);
  $("classes-note").textContent = t("job.classes_note", { n: number(read) });
  refill($("failures"), [...failures.values()], (one) => h("li", {}, h("strong", {}, number(one.count)),
    h("div", {}, h("button", { class: "link", type: "button", "aria-pressed": String(view.code === one.code), onclick: () => { view.code = view.code === one.code ? "" : one.code; soon(); } }, reason(one)), h("div", { class: "quiet small", translate: "no" }, one.code))), view.code);
  choices($("finding"), rows.labels, "label");
  choices($("flags"), [...flags.keys()].sort(), "flag", [["any", t("films.flagged")], ["none", t("films.unflagged")]]);
}

const coloured = (share, label) => {
  const made = bar(share, labelClass(label));
  made.firstChild.style.background = "var(--label)";
  return made;
};

// Draws a list anew only when it says something else, so that focus stays where it is.
function refill(list, values, draw, chosen = "") {
  const state = JSON.stringify([values, chosen]);
  if (list.dataset.state === state) return;
  list.dataset.state = state;
  const at = [...list.querySelectorAll("a,button")].indexOf(document.activeElement);
  list.replaceChildren(...values.map(draw));
  if (at >= 0) list.querySelectorAll("a,button")[at]?.focus();
}

function choices(select, codes, kind, further = []) {
  const wanted = codes.length ? [...further, ...codes.map((code) => [code, word(kind, code)])] : [];
  if (select.options.length === wanted.length + 1) return;
  const kept = select.value;
  select.replaceChildren(select.options[0], ...wanted.map(([value, text]) => new Option(text, value)));
  select.value = kept;
}

/* The films */

// What the visitor wants to see, as a question to each film.
function wanted() {
  const [sought, state, label, flags] = [$("search").value.trim().toLowerCase(), $("state").value, $("finding").value, $("flags").value];
  const least = Number($("least").value) / 100;
  const flagged = { "": () => true, any: (film) => film.flags.length > 0, none: (film) => film.top && !film.flags.length }[flags] ?? ((film) => film.flags.includes(flags));
  return (film) => (!sought || film.name.toLowerCase().includes(sought))
    && (!state || film.status === state)
    && (!view.code || film.code === view.code)
    && (!label || film.top === label)
    && (!least || rows.share(film, label) >= least)
    && flagged(film);
}

const byName = new Intl.Collator(undefined, { numeric: true });
const ORDER = {
  seq: (a, b) => a.seq - b.seq,
  name: (a, b) => byName.compare(a.name, b.name),
  finding: (a, b) => rows.labels.indexOf(a.top) - rows.labels.indexOf(b.top) || rows.share(b) - rows.share(a),
  probability: (a, b) => rows.share(a, $("finding").value) - rows.share(b, $("finding").value),
  flags: (a, b) => a.flags.length - b.flags.length,
};

// All films in the order that was asked for; kept, as sorting many takes longer than filtering them.
let sorted = { by: "" };
function inOrder() {
  if (view.sort === "seq" && !view.down) return rows.films;
  const by = JSON.stringify([rows.version, view.sort, view.down, $("finding").value]);
  if (sorted.by !== by) {
    const turn = view.down ? -1 : 1;
    sorted = { by, films: rows.films.filter(Boolean).sort((a, b) => turn * ORDER[view.sort](a, b) || a.seq - b.seq) };
  }
  return sorted.films;
}

let frame = 0;
function soon() { frame ||= requestAnimationFrame(() => { frame = 0; drawFilms(); }); }

function drawFilms() {
  drawFound();
  const films = inOrder().filter(wanted());
  table.set(films);
  const loaded = rows.loaded < rows.total ? t("films.loaded", { n: number(rows.loaded), total: number(rows.total) }) : "";
  $("films-count").textContent = [t("films.shown", { n: number(films.length), total: number(rows.total) }), loaded].filter(Boolean).join(" · ");
  $("no-films").hidden = films.length > 0 || rows.loaded < rows.total;
  $("table").hidden = !films.length;
}

function row(film) {
  const made = h("tr", { class: "film", "data-id": film.id },
    h("td", { class: "c-seq" }, number(film.seq + 1)),
    h("td", { class: "c-picture" }, h("span", {}, film.shares ? h("img", { src: `/v1/items/${film.id}/film?size=96`, alt: "", loading: "lazy", decoding: "async" }) : null)),
    h("td", { class: "c-name", title: film.name, translate: "no" }, h("a", { href: `/films/${film.id}` }, film.name)),
    h("td", { class: "c-finding" }, found(film)),
    h("td", { class: "c-prob" }, film.shares ? meter(film) : null),
    h("td", { class: "c-flags" }, ...film.flags.map((flag) => h("span", { class: `flag ${flag === "out_of_distribution" ? "bad" : ""}` }, word("flag", flag)))));
  return made;
}

function found(film) {
  if (film.top) return chip(film.top);
  if (film.code) return h("span", { class: "flag bad", title: reason(film) }, reason(film));
  return h("span", { class: "quiet" }, word("status", film.status));
}

function meter(film) {
  const label = $("finding").value || film.top;
  return h("span", { class: "meter" }, h("span", {}, percent(rows.share(film, label))), bar(rows.share(film, label), labelClass(label)));
}

/* What the visitor does */

function open(event) {
  const film = event.target.closest("tr.film");
  if (!film) return;
  keepOrder(id, table.films, film.dataset.id);
  if (!event.target.closest("a") && !getSelection().toString()) location.href = `/films/${film.dataset.id}`;
}
$("rows").addEventListener("click", open);

for (const head of $("table").querySelectorAll("[data-sort]")) {
  head.addEventListener("click", () => {
    const by = head.dataset.sort;
    // What is most likely, or most doubtful, is what one looks for first.
    view.down = view.sort === by ? !view.down : ["probability", "flags"].includes(by);
    view.sort = by;
    for (const one of $("table").querySelectorAll("th")) one.removeAttribute("aria-sort");
    head.parentElement.setAttribute("aria-sort", view.down ? "descending" : "ascending");
    $("scroll").scrollTop = 0;
    soon();
  });
}
for (const field of ["search", "state", "finding", "least", "flags"]) {
  $(field).addEventListener("input", () => {
    $("least-said").textContent = percent(Number($("least").value) / 100); $("scroll").scrollTop = 0; table.drawn.clear(); soon(); });
}
rows.update(1).catch(() => {}); // a screenful beside the job itself; errors are the job's to tell
const again = repeat(load);
