// Parts of a view, as links: the open one is in the URL.

import { h } from "../lib/dom.js";
import { link } from "../lib/router.js";

/** `tabs`: [[value of the parameter `tab`, label]]; the first needs no parameter. */
export function tabs(place, entries, open = entries[0][0]) {
  const items = entries.map(([value, label], at) =>
    h("a", { href: link(place, at ? { tab: value } : {}), "aria-current": value === open ? "page" : null }, label),
  );
  return h("nav.tabs", { "aria-label": "Parts of this screen" }, items);
}
