// In which order films are looked at: as the table had them when one was opened.

const KEY = "lungline.order";
const KEPT = 2000; // on each side of the film that was opened; a browser keeps no megabytes here

export function keepOrder(job, films, opened) {
  const at = films.findIndex((film) => film.id === opened);
  const some = films.slice(Math.max(0, at - KEPT), at + KEPT);
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ job, ids: some.map((film) => film.id), before: Math.max(0, at - KEPT), total: films.length }));
  } catch { /* a browser that keeps nothing goes by the job's order */ }
}

export function keptOrder(job, id) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY));
    return kept?.job === job && kept.ids.includes(id) ? kept : null;
  } catch {
    return null;
  }
}
