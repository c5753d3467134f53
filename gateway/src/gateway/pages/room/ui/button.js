// Buttons that do something on the server: busy while they do, and closed to keys that may not.

import { h, set } from "../lib/dom.js";
import { session } from "../lib/session.js";
import { toast, toastProblem } from "./toast.js";

/**
 * A button for `run()`, which returns a promise. If the key lacks `scope` it stays in the order of
 * the Tab key, looks closed, and says why. What goes wrong is shown as a toast.
 */
export function actionButton(label, { scope, run, class: kind = "", title, ...attributes }) {
  const button = h("button", { type: "button", class: kind, title, ...attributes }, label);
  allow(button, scope);
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") {
      toast(button.dataset.refusal ?? "Just a moment.", "wait");
      return;
    }
    await whileBusy(button, run);
  });
  return button;
}

/** Run something while a button is closed; a problem is shown as a toast. */
export async function whileBusy(button, run) {
  set(button, { "aria-disabled": true, "aria-busy": true });
  try {
    return await run();
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    toastProblem(problem);
    return undefined;
  } finally {
    set(button, { "aria-disabled": null, "aria-busy": null });
  }
}

/** Close a control to a key without `scope`, and say why. */
export function allow(control, scope) {
  const refusal = scope ? session.refusal(scope) : null;
  if (!refusal) return control;
  control.setAttribute("aria-disabled", "true");
  control.dataset.refusal = refusal;
  control.title = refusal;
  return control;
}
