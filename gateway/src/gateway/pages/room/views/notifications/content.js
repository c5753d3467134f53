// What was asked for: the message as the person sees it, and the call that repeats it.

import { get, segment } from "../../lib/api.js";
import { fill, h } from "../../lib/dom.js";
import { session } from "../../lib/session.js";
import { fullTime } from "../../lib/time.js";
import { copyButton } from "../../ui/copy.js";
import { messageFrame } from "../../ui/message_frame.js";
import { panel } from "../../ui/page.js";
import { bodyOf, curlOf } from "./curl.js";

const NEWEST = 50;
const FROM_OUTBOX = "As the outbox has it: a fake or a capture took it. What is really sent is not kept.";
const UNKNOWN = "(the message is no longer kept)";

/** Fill a place with what was asked for, as far as it is kept. */
export async function contentPanels(traceId, record, place) {
  try {
    const content = await get(`/notifications/${segment(traceId)}/content`);
    fill(place, message(content), repeat(content));
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    const kept = problem.status === 410 && (await fromOutbox(traceId, record));
    if (kept) return void fill(place, message(kept, FROM_OUTBOX), repeat(kept));
    const known = { user_id: record.user_id, channel: record.channel, message: UNKNOWN, tags: record.tags.length ? record.tags : null, reference: record.reference };
    fill(place, gone(problem), problem.status === 410 && repeat(known));
  }
}

/** What a fake or a capture took, if it is among the newest of its channel. */
async function fromOutbox(traceId, { user_id, channel, tags, reference }) {
  try {
    const { items } = await get("/outbox", { query: { channel, limit: NEWEST } });
    const taken = items.find((item) => item.trace_id === traceId);
    return taken && { ...taken, user_id, channel, tags: tags.length ? tags : null, reference };
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    return null;
  }
}

function gone(problem) {
  const outbox = h("p.muted.small", "What fakes and captures took is in the ", h("a", { href: "#/outbox" }, "outbox"), ".");
  return panel("The message", h("p.muted", problem.detail || problem.message), outbox);
}

function message(content, note) {
  const rest = [
    ["Priority", content.priority],
    ["Not before", content.send_at && fullTime(content.send_at)],
    ["Not after", content.expires_at && fullTime(content.expires_at)],
  ];
  return panel(
    "The message",
    h(
      "div.stack",
      note && h("p.muted.small", note),
      content.subject && h("p.subject", content.subject),
      content.html && messageFrame(content.html),
      content.html && h("h3", "As text"),
      h("p.message-text", content.message),
      content.data && [h("h3", "Data for the app"), h("pre", { tabindex: "0" }, JSON.stringify(content.data, null, 2))],
      h("dl.facts", rest.filter(([, value]) => value).map(([name, value]) => [h("dt", name), h("dd", value)])),
    ),
  );
}

function repeat(content) {
  const origin = new URL(".", document.baseURI).href.replace(/\/$/, "");
  const command = curlOf(bodyOf(content), { origin, isKeyNeeded: session.isRequired });
  const title = h("div.row.spread", h("h2", "Send it again from a shell"), copyButton(command));
  return h("section.panel.stack", title, h("pre.command", { tabindex: "0" }, command));
}
