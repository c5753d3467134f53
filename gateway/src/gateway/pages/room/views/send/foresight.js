// What would become of what stands in the form: asked for while it is written, sent is nothing.

import { post } from "../../lib/api.js";
import { fill, h } from "../../lib/dom.js";
import { tag, words } from "../../ui/badge.js";

const HINT = "Write a message to somebody, and this says what would become of it.";

export function foresight() {
  const element = h("section.panel.foresight", { "aria-live": "polite" });
  let control = null;
  let answered = "";

  function hint() {
    answered = "";
    delete element.dataset.tone;
    fill(element, h("h2", "Before you send it"), h("p.muted", HINT));
  }

  /** Ask about a request; one that is not complete gets a hint. */
  async function ask(body) {
    const asked = JSON.stringify(body);
    control?.abort();
    if (!body?.user_id || !body.message) return hint();
    if (asked === answered) return undefined;
    const mine = (control = new AbortController());
    try {
      const told = await post("/notifications/explain", body, { signal: mine.signal });
      answered = asked;
      show(told);
    } catch (problem) {
      // What is refused is said beside the fields once it is sent.
      if (!mine.signal.aborted) hint();
    }
    return undefined;
  }

  function show(told) {
    const waits = told.waits_until !== null || told.reason !== null;
    element.dataset.tone = !told.would_be_sent ? "bad" : waits ? "retry" : "ok";
    fill(
      element,
      h("h2", "Before you send it"),
      h("p.where", told.sentence),
      h("p.row", told.channel && tag(told.channel, "busy"), told.reason && tag(words(told.reason), element.dataset.tone), told.delivery !== "live" && tag(`delivery: ${told.delivery}`, "wait")),
      told.targets.length > 1 || told.targets.some(({ health }) => health !== "good")
        ? h("ul.targets", told.targets.map(target))
        : null,
    );
  }

  hint();
  return { element, ask, close: () => control?.abort() };
}

function target({ target: name, health, is_used: isUsed }) {
  return h("li", h("span", name), tag(words(health), health === "good" ? "ok" : "bad"), h("span.muted", isUsed ? "gets it" : health === "good" ? "in reserve" : "gets nothing"));
}
