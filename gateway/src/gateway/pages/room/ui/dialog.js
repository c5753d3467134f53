// Questions in a <dialog>: the browser keeps the focus inside, and gives it back.

import { h } from "../lib/dom.js";
import { icon } from "./icons.js";

/**
 * Open a dialog; `body` is what it holds, `buttons` stand at its end. Resolves with the value of
 * the button that closed it, "" if it was left with Escape.
 */
export function openDialog({ title, body, buttons = [closeButton()], wide = false }) {
  const heading = h("h2", { id: `dialog-${++openDialog.count}` }, title);
  const dialog = h(
    "dialog",
    { "aria-labelledby": heading.id, class: wide ? "wide" : "" },
    h(
      "form",
      { method: "dialog" },
      h(
        "header",
        heading,
        h("button.icon-button", { value: "", "aria-label": "Close", formnovalidate: true }, icon("close")),
      ),
      h("div.dialog-body", body),
      buttons.length ? h("footer", buttons) : null,
    ),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    dialog.showModal();
    (dialog.querySelector("[autofocus]") ?? dialog.querySelector("footer button:last-child"))?.focus();
  });
}
openDialog.count = 0;

const closeButton = () => h("button", { value: "" }, "Close");

/** Ask before something is done that others notice. Resolves with true or false. */
export async function confirm({ title, text, action, isDangerous = false }) {
  const answer = await openDialog({
    title,
    body: typeof text === "string" ? h("p", text) : text,
    buttons: [
      h("button", { value: "", formnovalidate: true }, "Cancel"),
      h("button", { value: "yes", class: isDangerous ? "danger" : "primary" }, action),
    ],
  });
  return answer === "yes";
}
