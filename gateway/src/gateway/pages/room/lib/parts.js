// Which services are there. The figures say nothing of those that they do not come from.

import { get } from "./api.js";
import { Emitter } from "./emitter.js";
import { live } from "./live.js";

const CHECK_MS = 5_000;

/** "change": `away` is another one. */
export const parts = Object.assign(new Emitter(), { away: [] });

/** What a part does for the operator, and what happens while it is away. */
export const EFFECTS = {
  gateway: "Nothing can be sent or seen until it is back.",
  "notification-publisher": "No notification is accepted meanwhile; senders get 503 and try again. Nothing is lost.",
  "notification-dispatcher": "Notifications are accepted and wait; nothing is lost.",
  "user-service": "Notifications are accepted and wait until the users’ addresses can be looked up.",
  broker: "No notification is accepted meanwhile; senders get 503 and try again. Nothing is lost.",
};

async function check() {
  if (document.hidden || live.state === "connecting") return;
  const [ready, dispatcher] = await Promise.all([readiness(), dispatcherIsAway()]);
  const away = [...ready, ...(dispatcher && !ready.includes("gateway") ? ["notification-dispatcher"] : [])];
  if (String(away) === String(parts.away)) return;
  parts.away = away;
  parts.emit("change");
}

async function readiness() {
  let checks;
  try {
    const answer = await fetch(new URL("health/ready", document.baseURI));
    checks = (await answer.json()).checks;
  } catch {
    return ["gateway"];
  }
  return Object.entries(checks ?? {})
    .filter(([, { status }]) => status !== "ok")
    .map(([name, { error = "" }]) => (error.includes("broker") ? "broker" : name));
}

async function dispatcherIsAway() {
  try {
    await get("/providers");
    return false;
  } catch (problem) {
    return problem.isAway;
  }
}

export function startPartsCheck() {
  setInterval(check, CHECK_MS);
  live.on("state", () => {
    if (live.problem || parts.away.length) check();
  });
}
