// Films that are ready to be shown: item, pictures decoded, outline traced. Neighbours come before
// anybody asks, so that going on takes no request.

import { get } from "./api.js";
import { outline } from "./contour.js";

const SIZE = 1024;
const HEAT_SIZE = 512;
const KEPT = 12;
const shelf = new Map(); // id -> promise of a film; the order is that of last use

export function film(id) {
  const there = shelf.get(id) ?? prepare(id);
  shelf.delete(id);
  shelf.set(id, there);
  there.catch(() => shelf.delete(id)); // asked again the next time
  for (const old of shelf.keys()) {
    if (shelf.size <= KEPT) break;
    shelf.delete(old);
  }
  return there;
}

export async function picture(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

async function prepare(id) {
  const item = await get(`/v1/items/${id}`);
  const { links } = item;
  const [plain, mask, heat] = await Promise.all([
    links.film && !item.error ? picture(`${links.film}?size=${SIZE}`).catch(() => null) : null,
    links.mask ? picture(`${links.mask}?size=256`).catch(() => null) : null,
    links.heatmap ? picture(heatOf(item)).catch(() => null) : null,
  ]);
  const heats = new Map(heat ? [[item.prediction.top_label, heat]] : []);
  return { item, plain, heats, clahe: null, contour: mask ? outline(mask) : "" };
}

const heatOf = (item, label = item.prediction.top_label) => `${item.links.heatmap}?${new URLSearchParams({ size: HEAT_SIZE, fade: true, label })}`;

export async function heatmap(shown, label) {
  if (!shown.heats.has(label)) shown.heats.set(label, await picture(heatOf(shown.item, label)));
  return shown.heats.get(label);
}

export async function equalised(shown) {
  shown.clahe ??= await picture(`${shown.item.links.clahe}?size=${SIZE}`);
  return shown.clahe;
}
