// Ask for a notification, and watch what becomes of it.

import { get, post, segment } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { setQuery } from "../lib/router.js";
import { session } from "../lib/session.js";
import { CHANNEL_NAMES } from "../ui/badge.js";
import { allow, whileBusy } from "../ui/button.js";
import { copyButton } from "../ui/copy.js";
import { messageFrame } from "../ui/message_frame.js";
import { pageHead } from "../ui/page.js";
import { toast } from "../ui/toast.js";
import { openOne } from "./notifications/one.js";
import { currentDraft, keepDraft } from "./send/draft.js";
import { FieldFault, makeFields } from "./send/fields.js";
import { foresight } from "./send/foresight.js";
import { smsSize } from "./send/sms_size.js";

const KEY = "idempotency-key";
const USERS = 200;
const PREVIEW_AFTER_MS = 400;
const MORE = ["html", "data", "tags", "reference", "send_at", "expires_at", KEY];

export default {
  title: "Send",
  open({ query }, outlet) {
    const fields = Object.fromEntries(makeFields(CHANNEL_NAMES).map((field) => [field.name, field]));
    const users = h("datalist", { id: "send-users" });
    const error = h("div.form-error", { role: "alert" });
    const button = allow(h("button.primary", "Send it"), "send");
    const more = h("details.more-fields", h("summary", "HTML, data, labels, times"), h("div.form-grid", MORE.map((name) => fields[name].element)));
    const first = Object.values(fields).filter(({ name }) => !MORE.includes(name));
    const form = h("form.panel.send-form", { novalidate: true }, h("div.form-grid", first.map(({ element }) => element)), more, error, h("div.row", button, h("button.quiet", { type: "reset" }, "Empty the form")), users);
    const preview = h("section.panel.preview", { hidden: true });
    const outcome = h("div.send-outcome", { role: "region", "aria-label": "What becomes of it" });
    const foreseen = foresight();
    const timers = {};
    let watching = null;
    let attempt = null; // {text, key} of a request whose answer was lost: sent again, it is one

    outlet.append(
      pageHead("Send", { text: "Tell a user something, now or later. Nothing is lost from the moment it is accepted." }),
      h("div.send", form, h("div.stack", foreseen.element, outcome, preview)),
    );
    put({ ...currentDraft(), ...query });
    if (query.sent) watch(query.sent);
    suggestUsers();
    fields.user_id.control.focus();

    function put(values) {
      for (const field of Object.values(fields)) field.value = values[field.name];
      more.open = MORE.some((name) => values[name]);
      showSizes();
      showPreview();
      showContact();
      foresee();
    }

    function foresee() {
      const { [KEY]: _, ...body } = given(draftOf(fields));
      foreseen.ask(body);
    }

    /** The values of all fields; those that can't be read show why, and null is returned. */
    function values() {
      const found = {};
      let isGood = true;
      for (const field of Object.values(fields)) {
        field.showError("");
        try {
          found[field.name] = field.value;
        } catch (fault) {
          if (!(fault instanceof FieldFault)) throw fault;
          field.showError(fault.message);
          isGood = false;
        }
      }
      return isGood ? found : null;
    }

    async function send() {
      fill(error);
      const found = values();
      if (!found) return focusFault();
      const { [KEY]: key, ...body } = given(found);
      const text = JSON.stringify(body);
      if (attempt?.text !== text) attempt = { text, key: randomKey() };
      try {
        const { trace_id: traceId } = await post("/notifications", body, { headers: { "idempotency-key": key ?? attempt.key } });
        attempt = null;
        if (!form.isConnected) return toast("It is accepted.");
        setQuery({ sent: traceId });
        watch(traceId);
      } catch (problem) {
        if (problem.status === undefined || !form.isConnected) throw problem;
        showProblem(problem);
      }
      return undefined;
    }

    function showProblem(problem) {
      const rest = problem.errors.filter(({ pointer, message }) => {
        const [, place, name] = pointer.split("/");
        const field = fields[place === "header" ? name : place];
        field?.showError(message);
        return !field;
      });
      const said = problem.errors.length ? rest.map(({ pointer, message }) => `${pointer}: ${message}`) : [problem.detail || problem.message];
      if (said.length) fill(error, h("strong", problem.title || "This did not work"), said.map((each) => h("p", each)));
      if (problem.isAway) fill(error, h("strong", "The server did not answer."), h("p", "It may have been accepted all the same. Send it again: it goes once."));
      focusFault();
    }

    function focusFault() {
      const fault = form.querySelector("[aria-invalid]");
      if (fault && more.contains(fault)) more.open = true;
      fault?.focus();
    }

    function watch(traceId) {
      watching?.();
      const refusal = session.refusal("read");
      fill(outcome, refusal && acceptedUnseen(traceId));
      watching = refusal ? null : openOne(traceId, outcome, { isPart: true });
      outcome.scrollIntoView({ block: "nearest" });
    }

    function showSizes() {
      const text = fields.message.control.value;
      const { encoding, segments } = smsSize(text);
      const sms = text ? `; as an SMS ${segments} segment${segments === 1 ? "" : "s"} of ${encoding}` : "";
      fields.message.showHelp(`${[...text].length.toLocaleString()} of 10,000 characters${sms}`);
    }

    function showPreview() {
      const html = fields.html.control.value;
      preview.hidden = !html.trim();
      if (html.trim()) fill(preview, h("h2", "As the person sees it"), messageFrame(html));
      else fill(preview);
    }

    async function showContact() {
      const userId = fields.user_id.control.value.trim();
      if (!userId) return fields.user_id.showHelp("Begin to type the id of a user.");
      const told = await get(`/users/${segment(userId)}/contact-info`).then(contactText, noContactText);
      if (fields.user_id.control.value.trim() === userId) fields.user_id.showHelp(told);
      return undefined;
    }

    async function suggestUsers() {
      const { items } = await get("/users", { query: { limit: USERS } }).catch(() => ({ items: [] }));
      fill(users, items.map(({ user_id: id }) => h("option", { value: id })));
    }

    function later(name, action) {
      clearTimeout(timers[name]);
      timers[name] = setTimeout(action, PREVIEW_AFTER_MS);
    }

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (button.getAttribute("aria-disabled") !== "true") whileBusy(button, send);
    });
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      keepDraft({});
      fill(error);
      put({});
      fields.user_id.control.focus();
    });
    form.addEventListener("input", ({ target }) => {
      fields[target.name]?.showError("");
      if (target.name === "message") showSizes();
      if (target.name === "html") later("html", showPreview);
      if (target.name === "user_id") later("user", showContact);
      later("all", foresee);
    });

    return {
      change() {}, // the hash says what was sent, and that is shown already
      close() {
        for (const timer of Object.values(timers)) clearTimeout(timer);
        watching?.();
        foreseen.close();
        keepDraft(draftOf(fields));
      },
    };
  },
};

/** What there is to see with a key that may send, and may not look. */
const acceptedUnseen = (traceId) =>
  h(
    "section.panel.verdict",
    { "data-tone": "ok", role: "status" },
    h("h2", "It is accepted"),
    h("p", "To see what becomes of it takes a key with the scope “read”."),
    h("p.row.muted", h("code.trace-id", traceId), copyButton(traceId)),
  );

/** Values without those that are not set. */
const given = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));

/** The values of all fields, of which those that can't be read are not set. */
function draftOf(fields) {
  const values = {};
  for (const name of Object.keys(fields)) {
    try {
      values[name] = fields[name].value;
    } catch {
      values[name] = null; // it could not be read
    }
  }
  return values;
}

/** A key that nobody else has; `randomUUID` is there on encrypted connections only. */
const randomKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

function noContactText(problem) {
  if (problem.status === undefined) throw problem;
  return problem.status === 404 ? "There is no such user: it would be accepted, and fail." : "";
}

function contactText({ preferred_channel: preferred, ...addresses }) {
  const reached = CHANNEL_NAMES.filter((name) => addresses[name]);
  if (!reached.length) return "The user has no address: it would be accepted, and fail.";
  return `Reached by ${reached.join(", ")}${preferred ? `; prefers ${preferred}` : ""}.`;
}
