// The viewer: one film after the other, its layers and what was found.

import { get } from "./api.js";
import { $, attempt, h, show } from "./dom.js";
import { keptOrder } from "./order.js";
import { reading } from "./reading.js";
import { equalised, film, heatmap } from "./shelf.js";
import { Stage, twin } from "./stage.js";
import { number, percent, t, word } from "./texts.js";

const AROUND = 25;
const LAYERS = { clahe: false, side: false, heat: true, contour: true, invert: false, windowing: false };
const KEYS = { e: "clahe", s: "side", h: "heat", c: "contour", i: "invert" };
const [plainPane, pane] = [$("pane-plain"), $("pane")];
const stage = new Stage($("stage"), [plainPane, pane], document.querySelector("#grey"), (now) => {
  $("window").textContent = t("film.window", { width: Math.round(now.width * 255), level: Math.round(now.level * 255), zoom: `${Math.round(now.scale * 100)} %` });
});
let id = $("film").dataset.item;
let shown = null;
let order = null; // {ids, before, total}

async function open(wanted) {
  id = wanted;
  const found = await film(wanted);
  if (id !== wanted) return; // somebody went on meanwhile
  shown = found;
  history.replaceState(null, "", `/films/${wanted}`);
  show(null);
  await draw();
  drawWords();
  prefetch();
}

function drawWords() {
  const { item } = shown;
  document.title = `${item.name} · Lungline`;
  $("title").textContent = item.name;
  $("back").href = `/jobs/${item.job_id}`;
  $("reading").replaceChildren(...reading(item));
  const labels = item.prediction?.findings.map((finding) => finding.label) ?? [];
  $("heat-label").replaceChildren(...labels.map((label) => new Option(word("label", label), label)));
  $("heat-label").value = item.prediction?.top_label ?? "";
  drawPlace();
}

function drawPlace() {
  const at = order ? order.ids.indexOf(id) : -1;
  $("place").textContent = at < 0 ? "" : t("film.place", { n: number(order.before + at + 1), total: number(order.total) });
  $("previous").disabled = at <= 0;
  $("next").disabled = at < 0 || at + 1 >= order.ids.length;
}

async function draw(label = shown.item.prediction?.top_label) {
  const now = shown;
  const base = LAYERS.clahe && now.plain ? await equalised(now) : now.plain;
  const heat = LAYERS.heat && label ? await heatmap(now, label) : null;
  if (now !== shown) return;
  $("no-picture").hidden = Boolean(base);
  plainPane.hidden = !LAYERS.side || !base;
  if (base) base.alt = t("film.alt", { name: now.item.name });
  if (LAYERS.side) stage.fill(plainPane, { film: now.plain && twin(now.plain) });
  stage.fill(pane, { film: base, heat, contour: LAYERS.contour ? now.contour : "", opacity: $("opacity").value / 100 });
  stage.place();
}

/* Neighbours */

async function findOrder() {
  const { item } = shown;
  order = keptOrder(item.job_id, item.id) ?? await around(item);
  drawPlace();
  prefetch();
}

async function around(item) {
  const first = Math.max(0, item.seq - AROUND);
  const [rows, job] = await Promise.all([get(`/v1/jobs/${item.job_id}/rows?first=${first}&limit=${2 * AROUND + 1}`), get(`/v1/jobs/${item.job_id}`)]);
  return { ids: rows.id, before: first, total: job.counts.total };
}

const neighbour = (step) => order?.ids[order.ids.indexOf(id) + step];
function prefetch() {
  for (const step of [1, -1, 2]) if (neighbour(step)) film(neighbour(step)).catch(() => {});
}

const go = attempt(async (step) => {
  const next = neighbour(step);
  if (!next) return;
  await open(next);
  const at = order.ids.indexOf(id);
  const atEdge = at === 0 || at === order.ids.length - 1;
  // The window of a long job moves along.
  if (atEdge && order.ids.length < order.total) {
    order = await around(shown.item);
    drawPlace();
    prefetch();
  }
});

/* Tools */

const toggle = attempt(async (name) => {
  LAYERS[name] = !LAYERS[name];
  press();
  if (name === "invert") stage.invert(LAYERS.invert);
  else if (name !== "windowing") await draw($("heat-label").value || undefined);
});

function press() {
  for (const button of document.querySelectorAll("[data-toggle]")) button.setAttribute("aria-pressed", LAYERS[button.dataset.toggle]);
  stage.windowing = LAYERS.windowing;
  $("stage").classList.toggle("windowing", LAYERS.windowing);
  $("dragging").textContent = t(LAYERS.windowing ? "film.drag_window" : "film.drag_pan");
}

for (const button of document.querySelectorAll("[data-toggle]")) button.addEventListener("click", () => toggle(button.dataset.toggle));
$("previous").addEventListener("click", () => go(-1));
$("next").addEventListener("click", () => go(1));
$("zoom-in").addEventListener("click", () => stage.zoom(1.25));
$("zoom-out").addEventListener("click", () => stage.zoom(0.8));
$("reset").addEventListener("click", () => stage.reset());
$("print").addEventListener("click", () => print());
$("heat-label").addEventListener("change", attempt(() => draw($("heat-label").value)));
$("opacity").addEventListener("input", () => {
  const heat = pane.querySelector(".heat-image");
  if (heat) heat.style.opacity = $("opacity").value / 100;
});
addEventListener("beforeprint", () => stage.place());
addEventListener("afterprint", () => stage.place());

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
  const key = event.key.toLowerCase();
  const actions = { arrowright: () => go(1), arrowleft: () => go(-1), "+": () => stage.zoom(1.25), "=": () => stage.zoom(1.25), "-": () => stage.zoom(0.8), 0: () => stage.reset() };
  const action = actions[key] ?? (KEYS[key] && (() => toggle(KEYS[key])));
  if (!action) return;
  event.preventDefault();
  action();
});

press();
attempt(async () => {
  try {
    await open(id);
  } catch (error) {
    $("title").textContent = t("film.title");
    $("reading").replaceChildren(h("p", { class: "quiet" }, t("film.not_read")));
    throw error;
  }
  await findOrder();
})();
