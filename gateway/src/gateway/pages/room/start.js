// Starts the page. Without one of its modules it would stay empty: what did not come is asked for again.

import { isUnfetched } from "./lib/unfetched.js";

const AGAIN_MS = 2_000;

async function start() {
  try {
    await import("./main.js");
  } catch (error) {
    if (!isUnfetched(error)) throw error;
    document.querySelector("#main").textContent = "A part of this page could not be loaded. Trying again…";
    setTimeout(start, AGAIN_MS);
  }
}

start();
