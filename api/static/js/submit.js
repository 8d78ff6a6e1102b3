// Choose, check, send: films in a form, many or large ones and archives in parts.

import { get, post, randomKey, send } from "./api.js";
import { $, h, show } from "./dom.js";
import { checked, chosen, dropped } from "./files.js";
import { bytes, decimal, duration, number, percent, reason, t, word } from "./texts.js";
import { fingerprint, forget, upload } from "./upload.js";
import { crc32, zipOf } from "./zip.js";

const FORM_BYTES = 32e6; // above it a break would cost more than packing does
const SHOWN = 500;
let limits = null;
let files = [];
let groups = []; // of files that make one job: all films together, each archive by itself
let stopping = null;

/* Limits */

async function drawLimits() {
  limits = await get("/v1/limits");
  const row = (key, value) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, value));
  const left = (name, unit) => (limits.quotas[name] ? [row(`limits.${name}`, t("limits.left", { left: unit(limits.quotas[name].left), limit: unit(limits.quotas[name].limit) }))] : []);
  $("limits").replaceChildren(
    row("limits.kinds", "JPEG, PNG, DICOM"), row("limits.archives", "zip, tar, tar.gz, tar.zst"),
    row("limits.film", bytes(limits.film.bytes)), row("limits.pixels", t("limits.megapixels", { n: decimal(limits.film.pixels / 1e6) })),
    row("limits.archive", bytes(limits.upload.bytes)), row("limits.entries", number(limits.archive.entries)),
    ...left("queued_films", number), ...left("open_jobs", number), ...left("stored_bytes", bytes));
}

/* What was chosen */

async function choose(found) {
  show(null);
  if (stopping) return;
  try {
    limits ??= await get("/v1/limits");
    $("chosen").hidden = false;
    $("options").hidden = false;
    $("sent").hidden = true;
    $("summary").textContent = t("submit.checking");
    $("send").disabled = true; // until what was chosen is known
    const some = await checked(await found, limits);
    if (stopping) return; // of an earlier choice, by who did not wait
    files = some;
    groups = grouped();
    $("name").placeholder = nameOf(good());
    draw();
    $("send").focus({ preventScroll: true });
    $("chosen").scrollIntoView({ block: "nearest" });
  } catch (error) {
    show(error);
    summarise(); // of what was chosen before
  }
}

const good = () => files.filter((one) => !one.problem);
const left = () => groups.filter(({ job }) => !job);
const sizeOf = (some) => some.reduce((sum, { file }) => sum + file.size, 0);
const nameOf = (some) => (some.length === 1 ? some[0].name : t("submit.films_n", { n: number(some.length) }));

function grouped() {
  const archives = good().filter(({ kind }) => kind === "archive").map((one) => ({ files: [one] }));
  const films = good().filter(({ kind }) => kind !== "archive");
  return films.length ? [{ files: films }, ...archives] : archives;
}

function summarise() {
  const some = left().flatMap((group) => group.files);
  const bad = files.length - good().length;
  $("summary").textContent = [t("submit.summary", { n: number(some.length), size: bytes(sizeOf(some)) }), bad ? t("submit.refused", { n: number(bad) }) : ""].filter(Boolean).join(" · ");
  $("send").disabled = !some.length;
}

function draw() {
  const fine = good();
  summarise();
  // What needs a look comes first; more than some hundreds nobody reads.
  const some = [...files.filter((one) => one.problem), ...fine].slice(0, SHOWN);
  const rows = some.map((one) => {
    one.state = h("span", { class: "state" });
    tell(one, one.problem ? reason({ code: one.problem }) : word("kind", one.kind), one.problem ? "bad" : "");
    return h("li", {}, h("span", { title: one.name, translate: "no" }, one.name), h("span", { class: "size" }, bytes(one.file.size)), one.state);
  });
  if (files.length > SHOWN) rows.push(h("li", { class: "quiet" }, h("span", {}, t("submit.more_files", { n: number(files.length - SHOWN) }))));
  $("file-list").firstElementChild.replaceChildren(...rows);
}

function tell(one, text, tone = "") {
  if (!one.state || one.said === text + tone) return;
  one.said = text + tone;
  one.state.textContent = text;
  one.state.className = `state ${tone}`;
}

/* Sending */

async function sendAll() {
  show(null);
  const sending = left();
  const meter = new Meter(sizeOf(sending.flatMap((group) => group.files)));
  stopping = new AbortController();
  $("sending").hidden = false;
  $("options").hidden = true;
  $("clear").hidden = true;
  try {
    for (const group of sending) {
      group.job = await sendGroup(group, meter, groups.length === 1 ? $("name").value.trim() : "");
      for (const one of group.files) tell(one, t("submit.arrived"), "good");
      meter.base += sizeOf(group.files);
    }
  } catch (error) {
    if (error.name !== "AbortError") show(error);
    for (const one of left().flatMap((group) => group.files)) tell(one, t("submit.stopped"));
    summarise();
    $("options").hidden = false;
  } finally {
    stopping = null;
    $("sending").hidden = true;
    $("clear").hidden = false;
  }
  drawSent();
  // What the service makes of films says nothing of whether they were sent.
  for (const group of sending) if (group.job) await judged(group).catch(show);
}

async function sendGroup(group, meter, name) {
  const some = group.files;
  const options = { name: (name || nameOf(some)).slice(-200), priority: $("priority").value };
  const archive = some[0].kind === "archive";
  const size = sizeOf(some);
  const small = !archive && size <= Math.min(FORM_BYTES, limits.submission.bytes) && some.length <= limits.submission.films;
  if (small) return sendForm(group, size, options, meter);
  group.print ??= await fingerprint(some);
  meter.phase = archive ? "" : "pack";
  const { blob, ends } = archive ? { blob: some[0].file, ends: [some[0].file.size] }
    : await zipOf(some, { onread: (done) => { stopping.signal.throwIfAborted(); meter.set(done, t("submit.packing")); } });
  meter.start();
  const id = await upload(blob, {
    filename: archive ? some[0].name : "films.zip", print: group.print, signal: stopping.signal,
    onprogress: (done, arrived) => {
      meter.set(Math.min(size, done));
      if (archive) tell(some[0], done >= size ? t("submit.arrived") : percent(done / blob.size), done >= size ? "good" : "");
      else some.forEach((one, at) => reached(one, arrived(at ? ends[at - 1] : 0, ends[at])));
    },
  });
  return jobOf(id, options, group.print);
}

// Asked again for the same, as when the answer was lost, the service gives the same job.
async function jobOf(id, options, print) {
  const key = `${id}-${await crc32(new Blob([JSON.stringify(options)]))}`;
  try {
    const job = await post("/v1/jobs", { upload: id, ...options }, { "Idempotency-Key": key });
    forget(print);
    return job;
  } catch (error) {
    // Its job is there already, by another request: sent once more, it is uploaded anew.
    if (["upload_used", "idempotency_conflict"].includes(error.code)) forget(print);
    throw error;
  }
}

async function sendForm(group, size, options, meter) {
  const form = new FormData();
  for (const [key, value] of Object.entries(options)) form.append(key, value);
  for (const { file, name } of group.files) form.append("films", file, name);
  const key = (group.keys ??= {})[JSON.stringify(options)] ??= randomKey();
  meter.start();
  const { body } = await send("/v1/jobs", form, {
    headers: { "Idempotency-Key": key }, signal: stopping.signal,
    onprogress: (done) => {
      meter.set(Math.min(done, size), done >= size ? t("submit.storing") : "");
      let end = 0;
      for (const one of group.files) { end += one.file.size; reached(one, done >= end); }
    },
  });
  return body;
}

function reached(one, whole) {
  if (whole) tell(one, t("submit.arrived"), "good");
}

// Rate and remaining time over what was sent since the start of the phase.
class Meter {
  constructor(total) { Object.assign(this, { total, base: 0 }); this.start(); }
  start() { this.began = performance.now(); this.first = null; }
  set(done, words = "") {
    const at = this.base + done;
    this.first ??= at;
    const seconds = (performance.now() - this.began) / 1000;
    const pace = (at - this.first) / Math.max(seconds, 0.001);
    const share = Math.min(1, at / Math.max(1, this.total));
    $("sending-bar").firstElementChild.style.width = `${share * 100}%`;
    $("sending-bar").setAttribute("aria-valuenow", Math.round(share * 100));
    const known = seconds > 1 && pace > 0 && !words;
    $("sending-text").textContent = words || [t("submit.sending", { share: percent(share), done: bytes(at), total: bytes(this.total) }),
      known ? t("submit.pace", { n: bytes(pace) }) : "", known ? t("job.left", { time: duration((this.total - at) / pace) }) : ""].filter(Boolean).join(" · ");
  }
}

/* What the service makes of each */

async function judged({ job, files: group }) {
  if (job.source === "archive") return;
  let first = 0;
  while (first < job.counts.total) {
    const rows = await get(`/v1/jobs/${job.id}/rows?first=${first}&limit=1000`);
    rows.seq.forEach((seq, at) => {
      const one = group[seq];
      if (!one) return;
      if (rows.error_code[at]) tell(one, reason({ code: rows.error_code[at], reason: rows.error_reason[at] }), "bad");
      else tell(one, t(rows.duplicate[at] ? "submit.duplicate" : "submit.taken"), "good");
    });
    first += 1000;
  }
}

// A link to each job that was made, also when others were not.
function drawSent() {
  const jobs = groups.filter(({ job }) => job).map(({ job }) => job);
  const whole = jobs.length === groups.length;
  const n = number(jobs.length);
  $("sent").hidden = !jobs.length;
  $("sent").replaceChildren(h("p", { role: "status" }, whole ? t("submit.sent", { n }) : t("submit.sent_some", { n })),
    h("div", { class: "row" }, ...jobs.map((job) => h("a", { class: "button", href: `/jobs/${job.id}` }, t("submit.open", { name: job.name || t("job.unnamed") })))));
  if (whole) $("sent").querySelector("a").focus();
  drawLimits().catch(() => {});
}

/* What the visitor does */

$("files").addEventListener("change", (event) => { choose(chosen(event.target.files)); event.target.value = ""; });
$("folder").addEventListener("change", (event) => { choose(chosen(event.target.files)); event.target.value = ""; });
$("send").addEventListener("click", sendAll);
$("stop").addEventListener("click", () => stopping?.abort());
$("clear").addEventListener("click", () => { files = []; groups = []; $("chosen").hidden = true; });
for (const kind of ["dragenter", "dragover"]) addEventListener(kind, (event) => { event.preventDefault(); $("drop").classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  choose(dropped(event.dataTransfer));
});
drawLimits().catch(show);
