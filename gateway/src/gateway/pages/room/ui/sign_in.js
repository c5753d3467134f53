// The door: a key opens a session; the browser keeps the session, never the key.

import { fill, h, set } from "../lib/dom.js";
import { session } from "../lib/session.js";
import { whileBusy } from "./button.js";

export function showSignIn(outlet) {
  if (outlet.querySelector(".sign-in")) return;
  document.title = "Sign in · AsyncNotify";
  const field = h("input", {
    id: "key",
    name: "key",
    type: "password",
    autocomplete: "current-password",
    required: true,
    spellcheck: "false",
    placeholder: "an_live_…",
    "aria-describedby": "key-help key-error",
  });
  const error = h("p.field-error", { id: "key-error", role: "alert" });
  const button = h("button.primary", "Sign in");
  const form = h(
    "form.sign-in.panel",
    h("img", { src: "room/icon.svg", alt: "", width: 40, height: 40 }),
    h("h1", "Sign in"),
    h("p.muted", { id: "key-help" }, "With an API key of this system. What you may do here is what the key may do."),
    // Password managers file an entry under a name; a key has none.
    h("input", { autocomplete: "username", value: "AsyncNotify", hidden: true }),
    h("label", { for: "key" }, "API key"),
    field,
    error,
    button,
    h("p.muted.small", "Keys are made with ", h("code", "asyncnotify keys create"), ". The first one is in the file ", h("code", "first-key"), " of the data folder."),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    fill(error);
    whileBusy(button, async () => {
      try {
        await session.signIn(field.value.trim());
      } catch (problem) {
        if (problem.status !== 401 && problem.status !== 422) throw problem;
        fill(error, "This key is not known, has expired or was revoked.");
        set(field, { "aria-invalid": true });
        field.select();
      }
    });
  });
  fill(outlet, form);
  field.focus();
}
