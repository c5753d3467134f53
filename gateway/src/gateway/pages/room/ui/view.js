// Opens the view that the hash names, closes it when another is named.

import { fill, h } from "../lib/dom.js";
import { current, link, parse } from "../lib/router.js";
import { isUnfetched } from "../lib/unfetched.js";
import { SCREENS } from "./screens.js";
import { away, empty, failed, loading } from "./states.js";

const AGAIN_MS = 2_000;

const main = document.querySelector("#main");
let opened = null; // {place, close, change}
let turn = 0;
let wanted = null; // the hash that was last opened

export function closeView() {
  turn += 1;
  opened?.close?.();
  opened = null;
}

/** Open the view of the current hash, or tell the one that is open what has changed. */
export async function showView() {
  const params = current();
  if (!params.name) {
    history.replaceState(null, "", link("pipeline"));
    return showView();
  }
  const place = [params.name, ...params.path].join("/");
  if (opened?.place === place && opened.change) return opened.change(params);
  const isMove = wanted !== null && wanted !== location.hash;
  wanted = location.hash;
  // At once: by the time that the view has come, the person may have moved on.
  if (isMove) main.focus({ preventScroll: true });
  closeView();
  const mine = turn;
  const screen = SCREENS.find(({ name }) => name === params.name);
  mark(params.name);
  if (!screen) return fill(main, unknownView());
  const waiting = setTimeout(() => mine === turn && fill(main, loading()), 200);
  try {
    const { default: view } = await screen.load();
    if (mine !== turn) return undefined;
    open(view, params, place);
    // A dialog may have had it, or what has just gone.
    if (isMove && document.activeElement === document.body) main.focus({ preventScroll: true });
  } catch (error) {
    if (mine !== turn) return undefined;
    if (isUnfetched(error)) {
      fill(main, away({ message: "This view could not be loaded" }, showView));
      setTimeout(() => mine === turn && showView(), AGAIN_MS);
      return undefined;
    }
    fill(main, failed({ title: "This view could not be opened", message: error.message }, showView));
    throw error;
  } finally {
    clearTimeout(waiting);
  }
  return undefined;
}

function open(view, params, place) {
  const title = typeof view.title === "function" ? view.title(params) : view.title;
  document.title = `${title} · AsyncNotify`;
  const outlet = h("div.view", { dataset: { view: params.name } });
  fill(main, outlet);
  scrollTo(0, 0);
  const handle = view.open(params, outlet);
  opened = { place, ...(typeof handle === "function" ? { close: handle } : handle) };
}

/** Say in the navigation which view is open. */
function mark(name) {
  for (const anchor of document.querySelectorAll(".nav a[href^='#']")) {
    if (parse(anchor.hash).name === name) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
}

function unknownView() {
  const home = h("a.button", { href: link("pipeline") }, "To the pipeline");
  return empty({ title: "There is no such view", text: "The link may be mistyped.", action: home });
}
