// The stage: layers over each other in one or two panes, moved, zoomed and windowed together.

import { h } from "./dom.js";

const MOST_ZOOM = 16;
const SVG = "http://www.w3.org/2000/svg";

export class Stage {
  // `onchange` hears of each change of window or zoom.
  constructor(stage, panes, filter, onchange) {
    Object.assign(this, { stage, panes, filter, onchange, pointers: new Map(), size: null, windowing: false });
    this.reset();
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, (event) => this.pointers.delete(event.pointerId));
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("dblclick", () => this.reset());
    stage.addEventListener("wheel", (event) => { event.preventDefault(); this.zoom(Math.exp(-event.deltaY / 500), this.#at(event)); }, { passive: false });
    new ResizeObserver(() => this.place()).observe(stage);
  }

  reset() {
    Object.assign(this, { scale: 1, x: 0, y: 0, level: 0.5, width: 1 });
    this.place();
  }

  // Lays layers {film, heat, contour, opacity} into a pane; the same elements stay where they are.
  fill(pane, { film, heat, contour, opacity }) {
    const layers = pane.firstElementChild;
    const wanted = [];
    if (film) {
      film.className = "film-image";
      wanted.push(film);
      if (pane === this.panes.at(-1)) this.size = [film.naturalWidth, film.naturalHeight];
    }
    if (heat) {
      heat.className = "heat-image";
      heat.alt = "";
      heat.style.opacity = opacity;
      wanted.push(heat);
    }
    if (contour) wanted.push(this.#contour(contour));
    layers.replaceChildren(...wanted);
  }

  #contour(path) {
    if (this.drawn?.path === path) return this.drawn.svg;
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 1 1");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("class", "contour");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path);
    svg.append(line);
    this.drawn = { path, svg };
    return svg;
  }

  place() {
    if (this.size) {
      for (const pane of this.panes) {
        const { clientWidth: wide, clientHeight: high } = pane;
        const fit = Math.min(wide / this.size[0], high / this.size[1]) * this.scale;
        const [width, height] = this.size.map((side) => side * fit);
        const { style } = pane.firstElementChild;
        style.width = `${width}px`;
        style.height = `${height}px`;
        style.transform = `translate(${(wide - width) / 2 + this.x}px, ${(high - height) / 2 + this.y}px)`;
      }
    }
    this.#window();
    this.onchange?.(this);
  }

  // Grey values from level - width / 2 to level + width / 2 fill the screen's range (DICOM PS3.3 C.11.2.1.2).
  #window() {
    const slope = (this.inverted ? -1 : 1) / this.width;
    const low = this.level - this.width / 2;
    const intercept = this.inverted ? 1 + low / this.width : -low / this.width;
    for (const part of this.filter.firstElementChild.children) {
      part.setAttribute("slope", slope);
      part.setAttribute("intercept", intercept);
    }
  }

  invert(inverted) { this.inverted = inverted; this.place(); }

  // `at` stays where it is, from the middle of its pane.
  zoom(factor, at = [0, 0]) {
    const scale = Math.min(MOST_ZOOM, Math.max(0.5, this.scale * factor));
    const grown = scale / this.scale;
    this.x = at[0] + (this.x - at[0]) * grown;
    this.y = at[1] + (this.y - at[1]) * grown;
    this.scale = scale;
    this.place();
  }

  #at(event) {
    const pane = this.panes.find((one) => !one.hidden && one.contains(event.target)) ?? this.panes.at(-1);
    const box = pane.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  }

  #down(event) {
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, window: this.windowing || event.shiftKey || event.button === 2 });
  }

  #move(event) {
    const pointer = this.pointers.get(event.pointerId);
    if (!pointer) return;
    const [dx, dy] = [event.clientX - pointer.x, event.clientY - pointer.y];
    if (this.pointers.size === 2) this.#pinch(event, pointer);
    else if (pointer.window) {
      this.width = Math.min(2, Math.max(0.04, this.width + dx / 400));
      this.level = Math.min(1.2, Math.max(-0.2, this.level + dy / 400));
    } else {
      this.x += dx;
      this.y += dy;
    }
    Object.assign(pointer, { x: event.clientX, y: event.clientY });
    this.place();
  }

  #pinch(event, pointer) {
    const [, other] = [...this.pointers].find(([id]) => id !== event.pointerId);
    const apart = (one) => Math.hypot(one.x - other.x, one.y - other.y) || 1;
    const before = apart(pointer);
    this.zoom(apart({ x: event.clientX, y: event.clientY }) / before, this.#at(event));
  }
}

// A second element of the same picture, for the second pane.
export const twin = (image) => h("img", { src: image.src, alt: image.alt });
