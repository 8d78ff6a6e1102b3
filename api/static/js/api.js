// The only module that speaks to the service: requests, their errors, and who asks.

export class Problem extends Error {
  constructor(detail, code = "", status = 0) {
    super(detail);
    this.code = code;
    this.status = status;
  }
}

// One answer as {body, headers}; a failure is a Problem with the service's own words.
export async function ask(path, { method = "GET", json, body, headers = {}, signal } = {}) {
  // No headers of our own on a plain question: it can be one that the page had asked ahead (preload).
  const sent = json === undefined ? headers : { "Content-Type": "application/json", ...headers };
  let answer;
  try {
    answer = await fetch(path, { method, headers: sent, body: json === undefined ? body : JSON.stringify(json), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("", "no_connection");
  }
  return read(answer.status, answer.headers, await answer.text());
}

// Where keys are needed and the session is over, its page leads to a new one, and back.
const signIn = () => location.assign(`/sign-in?back=${encodeURIComponent(location.pathname)}`);

export function read(status, headers, text) {
  if (status === 401) signIn();
  let told = {};
  try { told = text ? JSON.parse(text) : {}; } catch { /* not JSON: the status says enough */ }
  if (status >= 400) throw new Problem(told.detail ?? "", told.code ?? "", status);
  return { body: told, headers };
}

export const get = async (path, options) => (await ask(path, options)).body;
export const post = async (path, json, headers) => (await ask(path, { method: "POST", json, headers })).body;

export const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const randomKey = () => hex(crypto.getRandomValues(new Uint8Array(16)));

// Sends bytes and tells how many have gone, which fetch does not.
export function send(path, body, { method = "POST", headers = {}, onprogress = () => {}, signal } = {}) {
  return new Promise((done, failed) => {
    const call = new XMLHttpRequest();
    call.open(method, path);
    for (const [name, value] of Object.entries(headers)) call.setRequestHeader(name, value);
    call.upload.onprogress = (event) => onprogress(event.loaded);
    call.onload = () => {
      try { done(read(call.status, { get: (name) => call.getResponseHeader(name) }, call.responseText)); } catch (error) { failed(error); }
    };
    call.onerror = () => failed(new Problem("", "no_connection"));
    call.onabort = () => failed(new DOMException("", "AbortError"));
    signal?.addEventListener("abort", () => call.abort());
    call.send(body);
  });
}
