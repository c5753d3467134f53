// A message as the person would have seen it, on each channel.

import { h } from "../../lib/dom.js";
import { link } from "../../lib/router.js";
import { clock, fullTime } from "../../lib/time.js";
import { tag } from "../../ui/badge.js";
import { messageFrame } from "../../ui/message_frame.js";

/** Everything about one message. */
export function preview(item) {
  const draw = DRAWINGS[item.channel] ?? plain;
  return [
    h(
      "header.outbox-head",
      h("div.row", tag(item.channel, "busy"), item.delivery_mode && tag(item.delivery_mode, "wait"), h("span.muted", item.provider ? `by ${item.provider}` : "by no provider")),
      h("span.muted", { title: fullTime(item.at) }, clock(item.at)),
    ),
    h("div.outbox-stage", { dataset: { channel: item.channel } }, draw(item)),
    h("footer.row.spread", item.trace_id ? h("a", { href: link(["notifications", item.trace_id]) }, "See the notification") : h("span.muted", "The wire does not say which notification this is."), h("code.muted.small", item.trace_id ?? "")),
  ];
}

const json = (value) => h("pre", { tabindex: "0" }, JSON.stringify(value, null, 2));
const isFilled = (value) => value && Object.keys(value).length > 0;

function email(item) {
  const facts = [["To", item.address], ["Subject", item.subject || "(none)"]];
  return h(
    "article.mail",
    h("dl.facts", facts.map(([name, value]) => [h("dt", name), h("dd", value)])),
    item.html ? messageFrame(item.html) : h("p.mail-text", item.message),
    item.html && item.message && h("details", h("summary", "The text beside it, for readers without HTML"), h("p.mail-text", item.message)),
    isFilled(item.data) && h("details", h("summary", "What else came with it"), json(item.data)),
  );
}

function sms(item) {
  const characters = [...item.message].length;
  const segments = item.segments === 1 ? "1 SMS" : `${item.segments} SMS, joined by the phone`;
  return h(
    "article.phone",
    h("p.phone-who", item.address),
    h("p.bubble", item.message),
    h("p.muted.small", `${segments} · ${characters === 1 ? "1 character" : `${characters} characters`}`),
  );
}

function push(item) {
  const known = item.data && Object.fromEntries(Object.entries(item.data).filter(([name]) => !["title", "body"].includes(name)));
  return h(
    "article.stack",
    h(
      "div.lock-screen",
      h(
        "div.push-card",
        h("img", { src: "room/icon.svg", alt: "", width: 34, height: 34 }),
        h("div", h("strong", item.subject || "AsyncNotify"), h("p", item.message)),
        h("span.muted.small", clock(item.at)),
      ),
    ),
    h("p.muted.small.device", "To the device ", h("code", item.address)),
    isFilled(known) && [h("h3", "Data for the app"), json(known)],
  );
}

function chat(item) {
  return h(
    "article.chat",
    h("p.muted.small", item.address),
    h(
      "div.chat-message",
      h("img", { src: "room/icon.svg", alt: "", width: 36, height: 36 }),
      h("div", h("p", h("strong", "AsyncNotify "), h("span.muted.small", clock(item.at))), item.subject && h("p", h("strong", item.subject)), h("p.mail-text", item.message)),
    ),
    isFilled(item.data) && h("details", h("summary", "What else came with it"), json(item.data)),
  );
}

function webhook(item) {
  const { trace_id: traceId, subject, message, data } = item;
  const body = data?.body ?? { type: "notification", data: { trace_id: traceId, subject, message, data: data ?? {} } };
  return h("article.stack", h("p", h("strong", "POST "), h("code", item.address)), json(body));
}

function plain(item) {
  return h("article.stack", h("p.muted", item.address), item.subject && h("h3", item.subject), h("p.mail-text", item.message), isFilled(item.data) && json(item.data));
}

const DRAWINGS = { email, sms, push, chat, webhook };
