// A table of as many rows as there are, of which only those in sight are in the document.

import { h } from "./dom.js";

const SPARE = 8;
const pad = () => h("tr", { class: "pad", "aria-hidden": "true" }, h("td"));

export class Table {
  // `draw(film, at)` makes a row; `height` is that of each, in pixels.
  constructor(scroll, body, height, draw) {
    Object.assign(this, { scroll, body, height, draw, films: [], drawn: new Map() });
    this.above = pad();
    this.below = pad();
    body.replaceChildren(this.above, this.below);
    scroll.addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.#soon()).observe(scroll);
    body.addEventListener("keydown", (event) => this.#move(event));
  }

  set(films) {
    this.films = films;
    this.body.parentElement.setAttribute("aria-rowcount", films.length + 1);
    this.show();
  }

  show() {
    const first = Math.max(0, Math.floor(this.scroll.scrollTop / this.height) - SPARE);
    const count = Math.ceil(this.scroll.clientHeight / this.height) + 2 * SPARE;
    const some = this.films.slice(first, first + count);
    const rows = new Map();
    for (const [at, film] of some.entries()) {
      const there = this.drawn.get(film.id);
      const row = there?.film === film ? there.row : this.draw(film);
      row.setAttribute("aria-rowindex", first + at + 2);
      rows.set(film.id, { film, row });
    }
    const focused = document.activeElement?.closest?.("tr")?.dataset.id;
    this.#fill([...rows.values()].map(({ row }) => row));
    if (focused && document.activeElement === document.body) this.#focus(rows.get(focused)?.row);
    this.drawn = rows;
    this.above.firstChild.style.height = `${first * this.height}px`;
    this.below.firstChild.style.height = `${Math.max(0, this.films.length - first - some.length) * this.height}px`;
  }

  // Puts rows between the pads, and leaves those alone that are in their place.
  #fill(rows) {
    const wanted = new Set(rows);
    for (const row of [...this.body.children].slice(1, -1)) if (!wanted.has(row)) row.remove();
    let next = this.above.nextSibling;
    for (const row of rows) {
      if (row === next) next = next.nextSibling;
      else this.body.insertBefore(row, next);
    }
  }

  #soon() {
    this.frame ??= requestAnimationFrame(() => { this.frame = null; this.show(); });
  }

  #focus(row) { row?.querySelector("a")?.focus({ preventScroll: true }); }

  // Arrow keys go from film to film, also to those that are not in the document yet.
  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = event.target.closest("tr.film");
    if (!step || !row) return;
    event.preventDefault();
    const at = this.films.findIndex((film) => film.id === row.dataset.id) + step;
    if (at < 0 || at >= this.films.length) return;
    const top = at * this.height;
    const { scrollTop, clientHeight } = this.scroll;
    const room = clientHeight - 2 * this.height; // the head is over the first row
    if (top < scrollTop) this.scroll.scrollTop = top;
    else if (top > scrollTop + room) this.scroll.scrollTop = top - room;
    this.show();
    this.#focus(this.drawn.get(this.films[at].id)?.row);
  }
}
