// Tables whose rows become cards on a phone: each cell carries its column's name.

import { h } from "../lib/dom.js";

/**
 * `columns`: [{name, class}], `rows`: [[cell, …]], where a cell is text or an element.
 * `caption` is for screen readers.
 */
export function table({ caption, columns, rows }) {
  const body = h("tbody", rows.map((cells) => row(columns, cells)));
  return h("div.table-wrap", { tabindex: "0", role: "region", "aria-label": caption }, tableOf(caption, columns, body));
}

/** The same with a body to fill: `keyed(body, items, …)` with `row(columns, cells)`. */
export function emptyTable({ caption, columns }) {
  const body = h("tbody");
  const wrap = h("div.table-wrap", { tabindex: "0", role: "region", "aria-label": caption });
  wrap.append(tableOf(caption, columns, body));
  return { wrap, body };
}

export function row(columns, cells) {
  return h("tr", cells.map((cell, at) => h("td", { class: columns[at].class, dataset: { name: columns[at].name } }, cell)));
}

function tableOf(caption, columns, body) {
  const heads = columns.map(({ name, class: kind }) => h("th", { scope: "col", class: kind }, name || h("span.unseen", "Actions")));
  return h("table", h("caption.unseen", caption), h("thead", h("tr", heads)), body);
}
