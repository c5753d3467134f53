// The state of a view is in the hash: #/notifications/<id>?status=failed

import { Emitter } from "./emitter.js";

export const router = new Emitter();

/** {name, path: [segments after the name], query: {name: value}} of a hash. */
export function parse(hash) {
  const [place, search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [name = "", ...path] = place.split("/").map(decoded);
  return { name, path, query: Object.fromEntries(new URLSearchParams(search)) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The link to a view: link("notifications", {status: "failed"}) or link(["notifications", id]). */
export function link(place, query = {}) {
  const segments = Array.isArray(place) ? place : [place];
  const search = new URLSearchParams(
    Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== ""),
  ).toString();
  return `#/${segments.map(encodeURIComponent).join("/")}${search ? `?${search}` : ""}`;
}

export function current() {
  return parse(location.hash);
}

/** Go to a view, as a click on its link would. */
export function go(place, query) {
  location.hash = link(place, query);
}

/** Change parameters of the view that is open; null takes one away. No step in the history. */
export function setQuery(changes) {
  const { name, path, query } = current();
  history.replaceState(null, "", link([name, ...path], { ...query, ...changes }));
  router.emit("change");
}

export function startRouter() {
  addEventListener("hashchange", () => router.emit("change"));
  router.emit("change");
}
