// A list that comes page by page: {items, next_cursor}.

import { get } from "../lib/api.js";
import { h, refill } from "../lib/dom.js";
import { actionButton } from "./button.js";
import { loadInto } from "./states.js";
import { emptyTable, row } from "./table.js";

/**
 * Show GET `path` as a table in `outlet`; `cells(item)` gives a row's cells, `nothing` what is
 * shown if there are no items. Returns {reload, close}.
 */
export function pagedTable(outlet, { caption, columns, path, query = {}, cells, nothing, every }) {
  const limit = 50;
  return loadInto(outlet, {
    what: caption,
    every,
    ask: (signal) => get(path, { query: { limit, ...query }, signal }),
    show(first) {
      if (!first.items.length) return outlet.replaceChildren(nothing());
      const { wrap, body } = emptyTable({ caption, columns });
      const add = ({ items }) => body.append(...items.map((item) => row(columns, cells(item))));
      add(first);
      return refill(outlet, wrap, more(first.next_cursor, add));
    },
  });

  function more(cursor, add) {
    const place = h("div.more", { hidden: !cursor });
    const button = actionButton("Show more", {
      async run() {
        const page = await get(path, { query: { limit, ...query, cursor } });
        add(page);
        cursor = page.next_cursor;
        place.hidden = !cursor;
      },
    });
    place.append(button);
    return place;
  }
}
