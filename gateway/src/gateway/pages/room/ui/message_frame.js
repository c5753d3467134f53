// HTML as the person sees it, in a frame where nothing runs, nothing is loaded and no link leads out.

import { h } from "../lib/dom.js";

const MOST_PX = 640;

export function messageFrame(html) {
  const frame = h("iframe.message-frame", {
    src: "room/message.html",
    sandbox: "allow-same-origin",
    title: "The message as the person sees it",
  });
  frame.addEventListener("load", () => {
    // Read under the frame's own policy: that of the page refuses the styles of a mail.
    const message = new frame.contentWindow.DOMParser().parseFromString(html, "text/html");
    const shown = frame.contentDocument;
    shown.head.append(...message.head.querySelectorAll("style"));
    shown.body.replaceChildren(...message.body.childNodes);
    frame.style.height = `${Math.min(shown.documentElement.scrollHeight + 2, MOST_PX)}px`;
  });
  return frame;
}
