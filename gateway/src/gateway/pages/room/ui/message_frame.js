// HTML as the person sees it, in a frame where nothing runs, nothing is loaded and no link leads out.

import { h } from "../lib/dom.js";

const MOST_PX = 640;
// The page's policy lets no string become HTML; this is the one exception, into a closed frame.
const policy = window.trustedTypes?.createPolicy("message-frame", { createHTML: (html) => html });

export function messageFrame(html) {
  const frame = h("iframe.message-frame", {
    src: "room/message.html",
    sandbox: "allow-same-origin",
    title: "The message as the person sees it",
  });
  frame.addEventListener("load", () => {
    const message = new DOMParser().parseFromString(policy?.createHTML(html) ?? html, "text/html");
    const shown = frame.contentDocument;
    shown.head.append(...message.head.querySelectorAll("style"));
    shown.body.replaceChildren(...message.body.childNodes);
    frame.style.height = `${Math.min(shown.documentElement.scrollHeight + 2, MOST_PX)}px`;
  });
  return frame;
}
