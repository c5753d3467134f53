// Questions in a <dialog>: the browser keeps the focus inside, and gives it back.

import { h } from "../lib/dom.js";
import { icon } from "./icons.js";

let opened = 0;

/**
 * Open a dialog; `body` is what it holds, `buttons` stand at its end. Resolves with the value of
 * the button that closed it, "" if it was left with Escape. With `submit(form, button)` the button
 * of the value "yes" closes it only if that resolves with true. It goes when another view is opened,
 * unless it is `kept`, for what is not shown again.
 */
export function openDialog({ title, body, buttons = [closeButton()], wide = false, kept = false, submit }) {
  opened += 1;
  const heading = h("h2", { id: `dialog-${opened}` }, title);
  const cross = { type: "submit", value: "", "aria-label": "Close", formnovalidate: true };
  const form = h(
    "form",
    { method: "dialog" },
    // The first button of a form is what the Enter key presses, so the cross comes last.
    h("header", heading),
    h("div.dialog-body", body),
    buttons.length ? h("footer", [...buttons].reverse()) : null,
    h("button.icon-button.cross", cross, icon("close")),
  );
  const dialog = h("dialog", { "aria-labelledby": heading.id, class: wide ? "wide" : "" }, form);
  document.body.append(dialog);
  if (submit) {
    form.addEventListener("submit", async (event) => {
      if (event.submitter?.value !== "yes") return;
      event.preventDefault();
      if (event.submitter.getAttribute("aria-busy") === "true") return;
      if (await submit(form, event.submitter)) dialog.close("yes");
    });
  }
  const leave = () => dialog.close("");
  if (!kept) addEventListener("hashchange", leave);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      removeEventListener("hashchange", leave);
      dialog.remove();
      resolve(dialog.returnValue);
    });
    dialog.showModal();
    const first = "[autofocus], .dialog-body input, .dialog-body select, .dialog-body textarea";
    (dialog.querySelector(first) ?? dialog.querySelector("footer button"))?.focus();
  });
}

const closeButton = () => h("button", { value: "" }, "Close");

/** Ask before something is done that others notice; what is dangerous takes more than the Enter key. Resolves with true or false. */
export async function confirm({ title, text, action, isDangerous = false }) {
  const answer = await openDialog({
    title,
    body: typeof text === "string" ? h("p", text) : text,
    buttons: [
      h("button", { value: "", formnovalidate: true, autofocus: isDangerous }, "Cancel"),
      h("button", { value: "yes", class: isDangerous ? "danger" : "primary" }, action),
    ],
  });
  return answer === "yes";
}
