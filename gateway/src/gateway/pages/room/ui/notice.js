// A line below the head while a part of the system is away, and a word when it is back.

import { fill, h } from "../lib/dom.js";
import { live } from "../lib/live.js";
import { EFFECTS, parts } from "../lib/parts.js";
import { icon } from "./icons.js";
import { toast } from "./toast.js";

export function startNotice() {
  const box = document.querySelector(".notice");
  let said = "";
  const show = () => {
    const away = parts.away.length ? parts.away : live.problem?.status === 0 ? ["gateway"] : [];
    if (String(away) === said) return;
    if (said && !away.length) toast("Everything is back.");
    said = String(away);
    fill(box, away.map(line));
  };
  live.on("state", show);
  parts.on("change", show);
}

function line(name) {
  return h("p", icon("away"), h("strong", `The ${name} is away. `), h("span", EFFECTS[name] ?? "It is asked again and again."));
}
