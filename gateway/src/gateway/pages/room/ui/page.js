// The frame of a view: its heading, a line about it, what can be done at its top.

import { h } from "../lib/dom.js";

export function pageHead(title, { text, tools = [] } = {}) {
  return h("div.page-head", h("div", h("h1", title), text && h("p.muted", text)), h("div.page-tools", tools));
}

export function panel(title, ...children) {
  return h("section.panel", title && h("h2", title), children);
}
