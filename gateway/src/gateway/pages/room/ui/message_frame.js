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
    tame(message);
    const shown = frame.contentDocument;
    shown.head.append(...message.head.querySelectorAll("style"));
    shown.body.replaceChildren(...message.body.childNodes);
    frame.style.height = `${Math.min(shown.documentElement.scrollHeight + 2, MOST_PX)}px`;
  });
  return frame;
}

/** Take away what no policy of the frame stops: connections made beforehand, and links. */
function tame(message) {
  // `preconnect` and `dns-prefetch`, in a frame's `srcdoc` too, would tell the sender who reads.
  for (const each of message.querySelectorAll("link, meta, base, iframe")) each.remove();
  for (const each of message.querySelectorAll("a, area")) {
    each.title ||= each.getAttribute("href") ?? "";
    for (const name of ["href", "xlink:href", "ping"]) each.removeAttribute(name);
  }
}
