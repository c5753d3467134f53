// The public API. Answers are JSON; errors are problem documents (RFC 9457).

import { Emitter } from "./emitter.js";

/** "unauthenticated": the session is over, or there never was one. */
export const api = new Emitter();

let sessions = 0;

/** A session begins: that a call of an earlier one is refused says nothing of this one. */
export function beginSession() {
  sessions += 1;
}

/** What the API answered, and why it did not do what was asked for. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `The server answered ${status}`);
    this.status = status;
    this.document = document;
    this.code = document.code ?? "";
    this.title = document.title ?? "";
    this.detail = document.detail ?? "";
    /** Every bad field: [{pointer, code, message}]. */
    this.errors = document.errors ?? [];
    this.requestId = document.request_id ?? null;
  }

  /** True when it is not the request's fault: it may be repeated as it is. */
  get isAway() {
    return this.status >= 502 && this.status <= 504;
  }
}

/** No answer at all: the gateway is away, or the network. */
export class Unreachable extends Problem {
  constructor() {
    super(0, { title: "The server does not answer", code: "unreachable" });
  }

  get isAway() {
    return true;
  }
}

const TIMEOUT_MS = 15_000;

async function call(method, path, { query, body, signal, headers, timeout = TIMEOUT_MS } = {}) {
  const url = new URL(path.replace(/^\//, ""), document.baseURI);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.append(name, value);
  }
  const mine = sessions;
  const limit = AbortSignal.timeout(timeout);
  let response;
  let text;
  try {
    response = await fetch(url, {
      method,
      headers: { accept: "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable();
  }
  const answer = parsed(text);
  if (response.ok) return answer;
  if (response.status === 401 && mine === sessions) api.emit("unauthenticated");
  throw new Problem(response.status, answer ?? {});
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/** `options`: {query, signal, headers, timeout in milliseconds}. All raise `Problem`; `signal` aborts with its own reason. */
export const get = (path, options) => call("GET", path, options);
export const post = (path, body, options) => call("POST", path, { body, ...options });
export const put = (path, body, options) => call("PUT", path, { body, ...options });
export const del = (path, options) => call("DELETE", path, options);

/** One segment of a path, whatever it holds. */
export const segment = (value) => encodeURIComponent(value).replace(/^\.{1,2}$/, (dots) => dots.replaceAll(".", "%2E"));
