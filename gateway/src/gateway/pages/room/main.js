// Puts the page together: who is signed in, the shell, then the view that the hash names.

import { fill } from "./lib/dom.js";
import { startHistory } from "./lib/history.js";
import { live, followVisibility } from "./lib/live.js";
import { startPartsCheck } from "./lib/parts.js";
import { router, startRouter } from "./lib/router.js";
import { session } from "./lib/session.js";
import { startHead } from "./ui/head.js";
import { startKeyboard } from "./ui/keyboard.js";
import { startNav } from "./ui/nav.js";
import { startNotice } from "./ui/notice.js";
import { showSignIn } from "./ui/sign_in.js";
import { away } from "./ui/states.js";
import { showView, closeView } from "./ui/view.js";

const RETRY_MS = 2_000;

async function loadSession() {
  for (;;) {
    try {
      return await session.load();
    } catch (problem) {
      // The page has been loaded, so the gateway was there a moment ago.
      fill(document.querySelector("#main"), away(problem));
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function follow() {
  document.body.classList.toggle("signed-out", !session.isSignedIn);
  if (session.isSignedIn) {
    live.start();
    showView();
  } else {
    live.stop();
    closeView();
    showSignIn(document.querySelector("#main"));
  }
}

await loadSession();
startNav();
startHead();
startNotice();
startKeyboard();
startPartsCheck();
startHistory();
followVisibility(() => session.isSignedIn);
session.on("change", () => {
  closeView();
  follow();
});
router.on("change", follow);
startRouter();
