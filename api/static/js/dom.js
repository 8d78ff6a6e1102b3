// Small help with the document.

import { problemText } from "./texts.js";

export const $ = (id) => document.getElementById(id);

// An element with properties (class, dataset, on…, attributes) and children.
export function h(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function bar(share, label) {
  const made = h("span", { class: "bar", "aria-hidden": "true" }, h("i"));
  made.firstChild.style.width = `${share * 100}%`;
  if (label !== undefined) made.classList.add(label);
  return made;
}

export function show(error) {
  const box = $("problem");
  box.textContent = error ? problemText(error) : "";
  box.hidden = !error;
  if (error && $("loading")) $("loading").hidden = true;
}

// Says what went wrong in an action, and that it goes again once it works.
export const attempt = (work) => async (...values) => {
  try { show(null); await work(...values); } catch (error) { if (error.name !== "AbortError") show(error); }
};

// Repeats work while the page is looked at; work says after how many seconds, or null: never.
export function repeat(work) {
  let timer = 0;
  const turn = async () => {
    clearTimeout(timer);
    let wait;
    try { wait = await work(); show(null); } catch (error) { show(error); wait = error.status >= 400 && error.status < 500 ? null : 5; }
    if (wait !== null && !document.hidden) timer = setTimeout(turn, wait * 1000);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
  turn();
  return turn;
}
