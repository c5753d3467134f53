// A provider as a chip: its place in the order, and whether it takes messages.

import { h, set, setText } from "../../lib/dom.js";
import { link } from "../../lib/router.js";
import { clock, now, relative } from "../../lib/time.js";
import { words } from "../../ui/badge.js";

/** How a provider is: {word, tone, mark, isUsable}. */
export function stateOf({ breaker, reason, opens_until: opensUntil, paused_until: pausedUntil }) {
  if (pausedUntil && Date.parse(pausedUntil) > now()) {
    return { word: `paused until ${clock(pausedUntil)}`, tone: "retry", mark: "‖", isUsable: false };
  }
  if (breaker === "open") {
    const next = opensUntil ? `, tried again ${relative(opensUntil)}` : "";
    const why = reason ? ` (${words(reason)})` : "";
    return { word: `open${why}${next}`, tone: "bad", mark: "✕", isUsable: false };
  }
  if (breaker === "half_open") return { word: "half open: one is tried", tone: "retry", mark: "◐", isUsable: true };
  return { word: "takes messages", tone: "ok", mark: "●", isUsable: true };
}

/** `make` and `update` for `keyed()`, of a provider with its `place`. */
export const providerChip = {
  make({ name, scheme, place }) {
    return h(
      "li",
      h(
        "a.provider-chip",
        { href: link("providers") },
        h("span.place", { "aria-label": `Number ${place}` }, place),
        h("strong", name),
        scheme && scheme !== name ? h("span.muted.small", scheme) : null,
        h("span.provider-state", h("span.mark", { "aria-hidden": true }), h("span")),
      ),
    );
  },
  update(element, provider) {
    const { word, tone, mark } = stateOf(provider);
    const state = element.querySelector(".provider-state");
    set(element.firstElementChild, { dataset: { tone } });
    setText(state.firstElementChild, mark);
    setText(state.lastElementChild, word);
  },
};
