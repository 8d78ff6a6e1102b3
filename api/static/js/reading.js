// What was found on a film, in words and gauges.

import { h } from "./dom.js";
import { moment, number, percent, reason, t, word } from "./texts.js";

export function reading(item) {
  if (item.error) return [h("p", { class: "problem" }, `${reason(item.error)} (${item.error.code})`)];
  if (!item.prediction) return [h("p", { class: "quiet" }, `${t("film.not_read")}: ${word("status", item.status)}`)];
  return [findings(item.prediction), quality(item), about(item)];
}

function findings({ findings: all, top_label: top }) {
  const order = all.map((finding, at) => ({ ...finding, at })).sort((a, b) => b.probability - a.probability);
  return h("ul", { class: "finding-list" }, ...order.map((finding) => {
    const gauge = h("span", { class: "gauge", "aria-hidden": "true" }, h("i"), h("b"));
    gauge.firstChild.style.width = `${finding.probability * 100}%`;
    gauge.lastChild.style.left = `calc(${Math.min(1, finding.threshold) * 100}% - 1px)`;
    return h("li", { class: `l${finding.at % 8}` }, h("span", { class: `label ${finding.label === top ? "leading" : ""}` }, word("label", finding.label)),
      h("strong", {}, percent(finding.probability)), gauge,
      h("span", { class: "under" }, h("span", {}, t("film.threshold", { n: percent(finding.threshold) })), finding.positive ? h("span", { class: "passes" }, `● ${t("film.passes")}`) : null));
  }));
}

function quality({ prediction, reused, duplicate_of: duplicate }) {
  const { in_distribution: kind, flags, lungs } = prediction;
  const lines = [kind === false ? ["bad", t("film.out_of_kind")] : kind ? ["good", t("film.in_kind")] : ["", t("film.no_gate")],
    ...(flags.length ? flags.map((flag) => ["warn", word("flag", flag)]) : [["good", t("film.no_flags")]]),
    ["", `${t("film.lungs")}: ${t("film.lungs_of", { n: number(lungs.count), share: percent(lungs.area_share) })}`]];
  if (reused) lines.push(["", t("film.reused")]);
  if (duplicate) lines.push(["", t("film.duplicate")]);
  return h("section", {}, h("h3", {}, t("film.quality")), h("ul", { class: "quality" }, ...lines.map(([tone, text]) => h("li", { class: tone }, text))));
}

const data = (text) => h("span", { translate: "no" }, text);

function about(item) {
  const { film, links } = item;
  const facts = [["film.model", data(item.prediction.bundle)], ["film.runtime", data(item.prediction.runtime)],
    ["film.size", film ? `${film.width} × ${film.height}, ${film.format.toUpperCase()}` : "–"], ["film.read_at", item.finished_at ? moment(item.finished_at) : "–"]];
  const files = [["film.plain", links.film], ["film.mask", links.mask], ["film.heat", links.heatmap], ["film.overlay", links.overlay]];
  return h("section", {}, h("dl", { class: "about" }, ...facts.flatMap(([key, value]) => [h("dt", {}, t(key)), h("dd", {}, value)])),
    h("p", { class: "small no-print row" }, ...files.filter(([, link]) => link).map(([key, link]) => h("a", { href: link, target: "_blank", rel: "noopener" }, t(key)))));
}
