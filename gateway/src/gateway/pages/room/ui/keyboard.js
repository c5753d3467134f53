// Shortcuts: "g" and a letter leads to a screen, "?" shows them all.

import { h } from "../lib/dom.js";
import { go } from "../lib/router.js";
import { openDialog } from "./dialog.js";
import { SCREENS } from "./screens.js";

const SECOND_KEY_MS = 1_500;

/** Shortcuts besides those of the screens: {keys, what}. */
const GENERAL = [
  { keys: "?", what: "Show this" },
  { keys: "/", what: "Go to the filter or the search of this screen" },
  { keys: "j k", what: "Next and previous notification of the list; Enter opens it" },
  { keys: "Esc", what: "Close a dialog" },
];

export function startKeyboard() {
  let afterG = 0;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const screen = Date.now() - afterG < SECOND_KEY_MS && SCREENS.find(({ key }) => key === event.key);
    afterG = 0;
    if (screen) go(screen.name);
    else if (event.key === "g") afterG = Date.now();
    else if (event.key === "?") showShortcuts();
    else if (event.key === "/") focusSearch(event);
  });
}

function focusSearch(event) {
  const field = document.querySelector("#main [data-search]");
  if (!field) return;
  event.preventDefault();
  field.focus();
}

function isTyping(target) {
  return target.closest?.("input, textarea, select, [contenteditable]") !== null;
}

export function showShortcuts() {
  const screens = SCREENS.map(({ label, key }) => ({ keys: `g ${key}`, what: label }));
  openDialog({ title: "Keyboard shortcuts", body: h("dl.shortcuts", [...GENERAL, ...screens].map(entry)) });
}

function entry({ keys, what }) {
  return h("div", h("dt", keys.split(" ").map((key) => h("kbd", key))), h("dd", what));
}
