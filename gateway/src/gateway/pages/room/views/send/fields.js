// The fields of the form: each with its help, its error, and what it gives to the request.

import { fill, h, set, setText } from "../../lib/dom.js";
import { fromField, toField } from "../../lib/time.js";

/** A field: `control` is the input, `read()` returns its value for the API or throws a `FieldFault`. */
export class Field {
  constructor(name, label, control, { help = "", read = (text) => text.trim() || null, write = (value) => value ?? "", isWide = false, label: shown = label, after = null } = {}) {
    const id = `send-${name}`;
    this.name = name;
    this.control = control;
    this.help = h("p.field-help", { id: `${id}-help` }, help);
    this.error = h("p.field-error", { id: `${id}-error`, role: "alert" });
    this.#read = read;
    this.#write = write;
    set(control, { id, name, "aria-describedby": `${id}-help ${id}-error` });
    this.element = h("div.field", { class: isWide ? "wide" : "" }, h("label", { for: id }, shown), control, after, this.help, this.error);
  }

  #read;
  #write;

  get value() {
    return this.#read(this.control.value);
  }

  set value(value) {
    this.control.value = this.#write(value);
  }

  showError(message) {
    setText(this.error, message);
    set(this.control, { "aria-invalid": message ? true : null });
  }

  showHelp(...parts) {
    fill(this.help, ...parts);
  }
}

/** What is wrong with a value before the server is asked. */
export class FieldFault extends Error {}

const input = (properties = {}) => h("input", { type: "text", autocomplete: "off", ...properties });
const time = () => h("input", { type: "datetime-local", step: "1" });

export function readObject(text) {
  if (!text.trim()) return null;
  let found;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new FieldFault(`is not JSON: ${error.message}`);
  }
  if (found === null || typeof found !== "object" || Array.isArray(found)) throw new FieldFault('must be a JSON object, such as {"order": 7}');
  return found;
}

const readTags = (text) => {
  const tags = text.split(/[\s,]+/).filter(Boolean);
  return tags.length ? tags : null;
};

/** All fields, in their order. `channels` are the names of the channels. */
export function makeFields(channels) {
  const options = (any, names) => [any && h("option", { value: "" }, any), names.map((name) => h("option", { value: name }, name))];
  const json = { read: readObject, write: (value) => (value ? JSON.stringify(value, null, 2) : ""), isWide: true };
  const times = { read: fromField, write: toField };
  const whole = { read: (text) => text || null, isWide: true };
  return [
    new Field("user_id", "User", input({ list: "send-users", required: true, spellcheck: "false", "data-search": true }), { help: "Begin to type the id of a user.", isWide: true }),
    new Field("channel", "Channel", h("select", options("The user’s preferred one", channels))),
    new Field("priority", "Priority", h("select", options("", ["high", "normal", "low"])), { write: (value) => value ?? "normal" }),
    new Field("subject", "Subject", input({ maxlength: 255 }), { isWide: true }),
    new Field("message", "Message", h("textarea", { required: true, rows: 5 }), whole),
    new Field("html", "HTML, for e-mail", h("textarea.mono", { rows: 4, spellcheck: "false" }), { ...whole, help: "The message stays the text beside it." }),
    new Field("data", "Data for an app, as JSON", h("textarea.mono", { rows: 3, spellcheck: "false", placeholder: '{"order": 7}' }), json),
    new Field("tags", "Tags", input({ spellcheck: "false" }), { help: "Labels, with spaces between.", read: readTags, write: (value) => (value ?? []).join(" ") }),
    new Field("reference", "Reference", input({ maxlength: 255 }), { help: "Your own id for it." }),
    new Field("send_at", "Not before", time(), times),
    new Field("expires_at", "Not after", time(), times),
    new Field("idempotency-key", "Idempotency key", input({ maxlength: 255, spellcheck: "false" }), { help: "The same key sends once, however often it is asked." }),
  ];
}
