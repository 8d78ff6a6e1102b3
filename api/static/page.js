// The page for people: sends films, follows a job, shows its pictures. Nothing from elsewhere.

const $ = (id) => document.getElementById(id);
const MAX_FILMS = Number(document.body.dataset.maxFilms);
const MAX_BODY = Number(document.body.dataset.maxBody);
const PAGE = 24;
const OVER = ["succeeded", "completed_with_errors", "failed", "cancelled", "expired"];

const words = (code) => code.replaceAll("_", " ");
const percent = (share) => `${(share * 100).toFixed(share > 0.995 || share < 0.005 ? 1 : 0)} %`;
const element = (tag, text = "", className = "") => {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
};

class Problem extends Error {}

async function ask(path, options = {}) {
  const answer = await fetch(path, { headers: { Accept: "application/json" }, ...options });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(body.detail ?? `The service answered ${answer.status}.`);
  return { body, headers: answer.headers };
}

function show(error) {
  const box = $("problem");
  box.textContent = error ? error.message : "";
  box.hidden = !error;
}

/* Sending */

async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, name: file.name }));
  return (await Promise.all(entries.map((entry) => walk(entry)))).flat();
}

async function walk(entry, folder = "") {
  const name = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    return [{ file, name }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a reader gives at most 100 entries a time
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map((child) => walk(child, `${name}/`)))).flat();
}

const chosen = (list) =>
  [...list].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
const hidden = ({ name }) => name.split("/").some((part) => part.startsWith(".") || part === "Thumbs.db");
const isArchive = ({ file }) => /\.(zip|tar|tgz|tzst|gz|zst)$/i.test(file.name) || file.type === "application/zip";

function check(files) {
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  if (!files.length) throw new Problem("There is no film among these files.");
  if (files.some(isArchive) && files.length > 1) throw new Problem("Send an archive alone, without other files.");
  if (files.length > MAX_FILMS) throw new Problem(`These are ${files.length} films; at most ${MAX_FILMS} go at once. Pack them into a zip archive.`);
  if (bytes > MAX_BODY) throw new Problem(`These files are larger than ${Math.round(MAX_BODY / 2 ** 20)} MiB together, the limit. Send them in parts.`);
}

function request(files) {
  const label = files.length === 1 ? files[0].name : `${files.length} films`;
  if (isArchive(files[0])) {
    const query = new URLSearchParams({ name: label.slice(-200) });
    return { path: `/v1/jobs?${query}`, body: files[0].file, type: "application/zip" };
  }
  const form = new FormData();
  form.append("name", label.slice(-200));
  for (const { file, name } of files) form.append("films", file, name);
  return { path: "/v1/jobs", body: form };
}

function post({ path, body, type }) {
  return new Promise((done, failed) => {
    const call = new XMLHttpRequest(); // fetch tells nothing about how far an upload is
    call.open("POST", path);
    call.responseType = "json";
    if (type) call.setRequestHeader("Content-Type", type);
    call.setRequestHeader("Idempotency-Key", [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join(""));
    call.upload.onprogress = (event) => sending(event.loaded / event.total);
    call.onload = () => (call.status < 300 ? done(call.response) : failed(new Problem(call.response?.detail ?? `The service answered ${call.status}.`)));
    call.onerror = () => failed(new Problem("The connection to the service failed."));
    call.send(body);
  });
}

function sending(share) {
  $("sending").hidden = share === null;
  $("sending-bar").style.width = `${(share ?? 0) * 100}%`;
  $("sending-text").textContent = share >= 1 ? "Checking and storing the films…" : `Sending… ${percent(share ?? 0)}`;
}

async function submit(all) {
  show(null);
  try {
    const files = all.filter((one) => !hidden(one)).sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    check(files);
    sending(0);
    const job = await post(request(files));
    history.pushState(null, "", `/?job=${job.id}`);
    route();
  } catch (error) {
    show(error);
  } finally {
    sending(null);
  }
}

/* One job */

let current = null; // {id, shown, filter, timer}

async function follow(view) {
  let wait = 1;
  try {
    const { body: job, headers } = await ask(`/v1/jobs/${view.id}`);
    if (view !== current) return;
    drawJob(job);
    await drawFilms(view);
    if (OVER.includes(job.status)) return;
    wait = Number(headers.get("Retry-After") ?? 1);
    show(null);
  } catch (error) {
    if (view !== current) return;
    show(error);
    if (error instanceof Problem && !$("job-title").textContent) return;
    wait = 5;
  }
  view.timer = setTimeout(() => follow(view), wait * 1000);
}

function drawJob(job) {
  const { counts } = job;
  const over = OVER.includes(job.status);
  const total = job.expansion?.entries_total ?? counts.total;
  const part = (count) => (total ? (100 * count) / total : 0);
  $("job").hidden = false;
  $("job-title").textContent = job.name || "Job";
  $("job-status").textContent = words(job.status);
  $("job-bar").style.width = `${part(counts.succeeded)}%`;
  $("job-bar-failed").style.width = `${part(counts.failed + counts.cancelled)}%`;
  $("job-progress").setAttribute("aria-valuenow", Math.round(part(counts.succeeded + counts.failed + counts.cancelled)));
  const said = [`${counts.succeeded} of ${counts.total} read`];
  if (job.status === "expanding") said[0] = counts.total ? `${counts.succeeded} of ${counts.total} found so far read` : "unpacking the archive";
  if (counts.failed) said.push(`${counts.failed} failed`);
  if (counts.cancelled) said.push(`${counts.cancelled} cancelled`);
  if (counts.reused) said.push(`${counts.reused} from earlier readings`);
  if (job.queue_position) said.push(`${job.queue_position} ${job.queue_position === 1 ? "job" : "jobs"} before it`);
  if (job.rate_films_per_second) said.push(`${job.rate_films_per_second.toFixed(1)} films/s`);
  if (!over && job.eta_seconds !== null) said.push(`about ${duration(job.eta_seconds)} left`);
  said.push(job.bundle);
  $("job-counts").textContent = said.join(" · ");
  $("job-error").hidden = !job.error;
  $("job-error").textContent = job.error ? `${job.error.reason} (${job.error.code})` : "";
  $("job-csv").href = `${job.links.results}?format=csv`;
  $("job-ndjson").href = `${job.links.results}?format=ndjson`;
  $("job-cancel").hidden = over || job.status === "cancelling";
}

const duration = (seconds) =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;

async function drawFilms(view) {
  const items = [];
  let cursor = null;
  while (items.length < view.shown) {
    const query = new URLSearchParams({ limit: Math.min(500, view.shown - items.length) });
    if (view.filter) query.set("status", view.filter);
    if (cursor) query.set("cursor", cursor);
    const { body } = await ask(`/v1/jobs/${view.id}/items?${query}`);
    items.push(...body.items);
    cursor = body.next;
    if (!cursor) break;
  }
  if (view !== current) return;
  const list = $("films");
  const cards = new Map([...list.children].map((card) => [card.dataset.id, card]));
  list.replaceChildren(...items.map((item) => card(item, cards.get(item.id))));
  $("more").hidden = !cursor;
  $("no-films").hidden = items.length > 0;
}

function card(item, known) {
  const state = `${item.status}/${item.attempt}`;
  if (known?.dataset.state === state) return known;
  const made = $("card").content.firstElementChild.cloneNode(true);
  const part = (name) => made.querySelector(`.${name}`);
  made.dataset.id = item.id;
  made.dataset.state = state;
  part("name").textContent = item.name;
  const image = made.querySelector("img");
  if (item.links.overlay) {
    image.src = `${item.links.overlay}?size=480`;
    image.alt = `Film with lung contour and heatmap: ${item.name}`;
    part("picture").href = item.links.overlay;
  } else {
    image.remove();
    part("waiting").textContent = { queued: "waiting", running: "being read" }[item.status] ?? item.status;
  }
  part("links").append(...["film", "mask", "heatmap"].filter((kind) => item.links[kind] && item.prediction).map((kind) => link(kind, item.links[kind])));
  if (item.prediction) findings(part, item);
  else part("research").remove();
  if (item.error) part("reason").textContent = `${item.error.reason ?? "Failed."} (${item.error.code})`;
  return made;
}

function findings(part, item) {
  const { prediction } = item;
  part("top-label").textContent = words(prediction.top_label);
  const sorted = [...prediction.findings].sort((a, b) => b.probability - a.probability);
  part("findings").append(...sorted.map((finding) => {
    const row = document.createElement("li");
    const bar = element("div", "", "bar");
    bar.append(element("div", "", "bar-done"));
    bar.firstChild.style.width = percent(finding.probability).replace(" ", "");
    row.append(element("span", words(finding.label) + (finding.positive ? " ●" : "")), element("span", percent(finding.probability)), bar);
    if (finding.positive) row.title = "Passes its operating threshold";
    return row;
  }));
  const notes = prediction.flags.map(words);
  if (prediction.in_distribution === false) notes.unshift("not a film of the kind the model was trained on");
  if (item.reused) notes.push("answered from an earlier reading");
  part("flags").textContent = notes.join(", ");
}

function link(text, href) {
  const made = element("a", text);
  made.href = href;
  made.target = "_blank";
  made.rel = "noopener";
  return made;
}

/* All jobs */

async function drawRecent() {
  const { body } = await ask("/v1/jobs?limit=10");
  $("recent").hidden = !body.items.length;
  $("recent-list").replaceChildren(...body.items.map((job) => {
    const row = document.createElement("li");
    const { counts } = job;
    row.append(jobLink(job), element("span", `${words(job.status)}, ${counts.succeeded} of ${counts.total} read`, "quiet"),
      element("span", new Date(job.created_at).toLocaleString(), "quiet"));
    return row;
  }));
}

function jobLink(job) {
  const made = element("a", job.name || job.id);
  made.href = `/?job=${job.id}`;
  return made;
}

/* The address decides what is shown. */

function route() {
  clearTimeout(current?.timer);
  const id = new URLSearchParams(location.search).get("job") ?? location.pathname.match(/^\/jobs\/([0-9a-f]{32})$/)?.[1];
  show(null);
  $("films").replaceChildren();
  $("job-title").textContent = "";
  $("submit").hidden = Boolean(id);
  $("job").hidden = true; // until there is a job to show
  $("recent").hidden = true;
  current = id ? { id, shown: PAGE, filter: "", timer: 0 } : null;
  $("filter").value = "";
  if (current) follow(current);
  else drawRecent().catch(show);
}

const again = () => { clearTimeout(current?.timer); if (current) follow(current); };
$("files").addEventListener("change", (event) => submit(chosen(event.target.files)));
$("folder").addEventListener("change", (event) => submit(chosen(event.target.files)));
$("filter").addEventListener("change", (event) => { current.filter = event.target.value; current.shown = PAGE; again(); });
$("more").addEventListener("click", () => { current.shown += PAGE; again(); });
$("job-cancel").addEventListener("click", () => ask(`/v1/jobs/${current.id}/cancel`, { method: "POST" }).then(again, show));
for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => { event.preventDefault(); $("drop").classList.add("over"); });
}
addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  filesOf(event.dataTransfer).then(submit, show);
});
addEventListener("popstate", route);
route();
