// Forms in dialogs: what the server finds wrong stands beside the field.

import { fill, h, set } from "../lib/dom.js";
import { whileBusy } from "./button.js";
import { openDialog } from "./dialog.js";

/**
 * A field with its label: {name, label, help, type, options, value, …attributes}. `type` may also
 * be "textarea", "select" (`options`: [[value, text]]) or "choices" (checkboxes, `value`: those set).
 */
export function field({ name, label, help, type = "text", options = [], value, ...attributes }) {
  const id = `field-${name}`;
  const described = { "aria-describedby": `${id}-help ${id}-error` };
  const notes = [
    h("p.field-help", { id: `${id}-help`, hidden: !help }, help),
    h("p.field-error", { id: `${id}-error` }),
  ];
  if (type === "choices") {
    const boxes = options.map(([choice, text]) =>
      h("label.choice", h("input", { type: "checkbox", name, value: choice, checked: value?.includes(choice) }), text),
    );
    return h("fieldset.field", { dataset: { field: name }, ...described }, h("legend", label), h("div.choices", boxes), notes);
  }
  const input = control(type, options, { id, name, value, ...described, ...attributes });
  return h("div.field", { dataset: { field: name } }, h("label", { for: id }, label), input, notes);
}

function control(type, options, { value, ...attributes }) {
  if (type === "textarea") return h("textarea", { ...attributes, value });
  if (type !== "select") return h("input", { type, ...attributes, value });
  const shown = options.map(([choice, text]) => h("option", { value: choice, selected: choice === value }, text));
  return h("select", attributes, shown);
}

/** What a form holds: text by name; of choices a list. Empty text is left out. */
export function valuesOf(form) {
  const values = {};
  for (const { name, type, value, checked } of form.elements) {
    if (!name) continue;
    if (type === "checkbox") {
      values[name] ??= [];
      if (checked) values[name].push(value);
    } else if (value.trim()) values[name] = value.trim();
  }
  return values;
}

/** Show the problem's errors beside their fields; return those that belong to none. */
export function showErrors(form, problem) {
  const left = [];
  clearErrors(form);
  for (const { pointer = "", message } of problem.errors) {
    const box = form.querySelector(`[data-field="${CSS.escape(pointer.split("/")[1] ?? "")}"]`);
    if (!box) {
      left.push(`${pointer} ${message}`.trim());
      continue;
    }
    box.querySelector(".field-error").append(`${message} `);
    for (const input of box.querySelectorAll("input, select, textarea")) set(input, { "aria-invalid": "true" });
  }
  if (!problem.errors.length) left.push(problem.detail || problem.message);
  form.querySelector('[aria-invalid="true"]')?.focus();
  return left;
}

function clearErrors(form) {
  for (const error of form.querySelectorAll(".field-error")) fill(error);
  for (const input of form.querySelectorAll('[aria-invalid="true"]')) set(input, { "aria-invalid": null });
}

/**
 * Ask for values in a dialog, and `run(values)` with them; it stays open until that has worked.
 * Resolves with what `run` returned, or undefined if the dialog was left. What was under way by then is
 * done all the same: with `kept` it is waited for, and resolved with.
 */
export async function formDialog({ title, fields, action, run, wide, isDangerous, kept = false }) {
  const general = h("p.field-error", { role: "alert" });
  let result;
  let running;
  await openDialog({
    title,
    wide,
    body: [fields, general],
    buttons: [
      h("button", { value: "", formnovalidate: true, type: "submit" }, "Cancel"),
      h("button", { value: "yes", class: isDangerous ? "danger" : "primary" }, action),
    ],
    async submit(form, button) {
      let isDone = false;
      running = whileBusy(button, async () => {
        try {
          result = await run(valuesOf(form));
          isDone = true;
        } catch (problem) {
          if (problem.status === undefined || !form.isConnected) throw problem;
          fill(general, showErrors(form, problem).join(" "));
        }
      });
      await running;
      return isDone;
    },
  });
  if (kept) await running;
  return result;
}
