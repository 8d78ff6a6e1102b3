// How the service stands, every two seconds.

import { get } from "./api.js";
import { $, h, repeat } from "./dom.js";
import { duration, number, t, word } from "./texts.js";

const FILMS = ["queued", "running", "succeeded", "failed", "cancelled"];
const JOBS = ["receiving", "expanding", "running", "cancelling"];

repeat(async () => {
  const now = await get("/v1/system");
  $("loading").hidden = true;
  $("system").hidden = false;
  $("parts").replaceChildren(...Object.entries(now.parts).map(([part, state]) => h("li", {}, word("part", part),
    h("span", { class: `badge ${state === "ok" ? "good" : "bad"}` }, word("part", state)))));
  $("queue").replaceChildren(...queue(now));
  const facts = [["system.ready", now.workers.ready === null ? t("system.unknown") : number(now.workers.ready)],
    ["system.computes", data(t("system.runtime", now))], ["system.version", data(now.version)]];
  $("about").replaceChildren(...facts.map(fact));
  $("workers").replaceChildren(busy(now.workers.busy));
  return 2;
});

const data = (text) => h("span", { translate: "no" }, text);
const fact = ([key, value]) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, value));
const table = (head, rows) => h("table", { class: "plain-table" }, h("thead", {}, h("tr", {}, ...head.map((text, at) => h(text ? "th" : "td", { scope: text ? "col" : null, class: at ? "number" : "" }, text)))),
  h("tbody", {}, ...rows.map(([first, ...others]) => h("tr", {}, h("th", { scope: "row" }, first), ...others.map((text) => h("td", { class: "number" }, text))))));

function queue({ queue: state, permits }) {
  if (!state) return [h("p", { class: "problem" }, t("system.down"))];
  const counts = (kind, names) => names.map((name) => [word("status", name), number(state[kind][name] ?? 0)]);
  const waits = state.oldest_queued_seconds ? duration(state.oldest_queued_seconds) : t("system.none_waits");
  const further = permits ? Object.entries(permits).map(([name, count]) => `${word("permit", name)} ${number(count)}`).join(", ") : t("system.unknown");
  return [table([t("system.films"), ""], counts("films", FILMS)), table([t("system.jobs"), ""], counts("jobs", JOBS)),
    h("dl", { class: "facts" }, fact(["system.oldest", waits]), fact(["system.permits", further]))];
}

function busy(workers) {
  if (!workers.length) return h("p", { class: "quiet" }, t("system.nobody"));
  return table([t("system.busy"), t("system.holds"), t("system.since")], workers.map((one) => [data(one.name), number(one.films), duration(one.since_seconds)]));
}
