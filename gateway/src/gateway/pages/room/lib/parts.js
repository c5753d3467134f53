// Which services are there. The figures say nothing of those that they do not come from.

import { get } from "./api.js";
import { Emitter } from "./emitter.js";
import { session } from "./session.js";

const CHECK_MS = 4_000;
const TIMEOUT_MS = 5_000;

/**
 * "change": `away` is another one; "providers": `providers`, the answer of GET /providers, is, or
 * `refusal`, the problem that it was refused with. `isKnown` once they have been asked.
 */
export const parts = Object.assign(new Emitter(), { isKnown: false, away: [], providers: null, refusal: null });

/** What a part does for the operator, and what happens while it is away. */
export const EFFECTS = {
  gateway: "Nothing can be sent or seen until it is back.",
  "notification-publisher": "No notification is accepted meanwhile; senders get 503 and try again. Nothing is lost.",
  "notification-dispatcher": "Notifications are accepted and wait; nothing is lost.",
  "user-service": "Notifications are accepted and wait until the users’ addresses can be looked up.",
  broker: "No notification is accepted meanwhile; senders get 503 and try again. Nothing is lost.",
};

/** Look at once: after something was done that changes them. */
export async function checkParts() {
  const [ready, dispatcher] = await Promise.all([readiness(), dispatcherIsAway()]);
  const away = [...ready, ...(dispatcher && !ready.includes("gateway") ? ["notification-dispatcher"] : [])];
  if (String(away) === String(parts.away)) return;
  parts.away = away;
  parts.emit("change");
}

async function readiness() {
  let answer;
  try {
    answer = await get("/health/ready", { timeout: TIMEOUT_MS });
  } catch (problem) {
    if (!problem.status) return ["gateway"];
    answer = problem.document;
  }
  return Object.entries(answer.checks ?? {})
    .filter(([, { status }]) => status !== "ok")
    .map(([name, { error = "" }]) => (error.includes("broker") ? "broker" : name));
}

async function dispatcherIsAway() {
  try {
    parts.providers = await get("/providers", { timeout: TIMEOUT_MS });
    parts.refusal = null;
    return false;
  } catch (problem) {
    parts.providers = null;
    parts.refusal = problem.isAway ? null : problem;
    return problem.isAway;
  } finally {
    parts.isKnown = true;
    parts.emit("providers");
  }
}

export function startPartsCheck() {
  session.on("change", () => session.isSignedIn && checkParts());
  const check = async () => {
    if (session.isSignedIn && !document.hidden) await checkParts();
    setTimeout(check, CHECK_MS);
  };
  check();
}
