// The navigation: a column on wide screens, behind a button on narrow ones.

import { fill, h, set, setText } from "../lib/dom.js";
import { live } from "../lib/live.js";
import { link } from "../lib/router.js";
import { session } from "../lib/session.js";
import { showShortcuts } from "./keyboard.js";
import { actionButton } from "./button.js";
import { icon } from "./icons.js";
import { GROUPS } from "./screens.js";
import { nextTheme } from "./theme.js";

export function startNav() {
  const nav = document.querySelector("#nav");
  fill(nav, GROUPS.map(group), foot());
  startMenu(nav);
  fill(document.querySelector(".tools"), tools());
  showCounts(nav);
}

function group({ title, screens }) {
  const heading = h("h2", { id: `nav-${title.toLowerCase().replaceAll(" ", "-")}` }, title);
  return h("div.nav-group", heading, h("ul", { "aria-labelledby": heading.id }, screens.map(item)));
}

function item({ name, label }) {
  return h("li", h("a", { href: link(name) }, icon(name), h("span", label), h("span.count", { hidden: true })));
}

function foot() {
  const account = h("div.account");
  const show = () => fill(account, session.isRequired && session.isSignedIn ? signedIn() : null);
  session.on("change", show);
  show();
  return h("div.nav-foot", account, h("a", { href: "docs" }, icon("docs"), h("span", "API")));
}

function signedIn() {
  const { name = "", scopes = [] } = session.key ?? {};
  return [
    h("p", icon("user"), h("strong", name), h("span.muted", scopes.join(", "))),
    actionButton("Sign out", { class: "quiet", run: () => session.signOut() }),
  ];
}

function tools() {
  return [
    h("button.icon-button.only-wide", { type: "button", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts (?)", onclick: showShortcuts }, icon("keyboard")),
    h("button.icon-button", { type: "button", "aria-label": "Switch the theme", title: "Light, dark, or as the system", onclick: nextTheme }, icon("theme")),
  ];
}

function startMenu(nav) {
  const button = document.querySelector(".menu-button");
  const open = (isOpen) => {
    document.body.classList.toggle("menu-open", isOpen);
    set(button, { "aria-expanded": isOpen });
  };
  fill(button, icon("menu")).disabled = false;
  button.addEventListener("click", () => open(!document.body.classList.contains("menu-open")));
  nav.addEventListener("click", (event) => event.target.closest("a") && open(false));
  addEventListener("hashchange", () => open(false));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.body.classList.contains("menu-open")) {
      open(false);
      button.focus();
    }
  });
}

function showCounts(nav) {
  const count = nav.querySelector(`a[href="${link("dead-letters")}"] .count`);
  live.on("figures", ({ dead }) => {
    count.hidden = !dead;
    setText(count, dead > 999 ? "999+" : (dead ?? ""));
  });
}
