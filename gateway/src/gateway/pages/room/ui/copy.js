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
      toast("The browser does not allow it: select the text and copy it.", "bad");
    }
  };
  return h("button.small", { type: "button", onclick: copy }, icon("copy"), label);
}
