// A button that puts a text on the clipboard.

import { h } from "../lib/dom.js";
import { icon } from "./icons.js";
import { toast } from "./toast.js";

/** `text` is the text, or a function that gives it. */
export function copyButton(text, label = "Copy") {
  const copy = async () => {
    const value = typeof text === "function" ? text() : text;
    try {
      await navigator.clipboard.writeText(value);
      toast("Copied.");
    } catch {
      // Browsers give no clipboard to pages that come over plain HTTP from elsewhere.
      toast("The browser does not allow it: select the text and copy it.", "bad");
    }
  };
  return h("button.small", { type: "button", onclick: copy }, icon("copy"), label);
}

/** Text in a box, selected as soon as it has the focus, with a button beside it. */
export function copyable(text, label) {
  const box = h("input.mono", { readonly: true, value: text, "aria-label": label.replace(/^Copy /, "") });
  box.addEventListener("focus", () => box.select());
  return h("div.copyable", box, copyButton(text, label));
}
