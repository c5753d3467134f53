// What has just been done, in a line that goes by itself; screen readers say it once.

import { h } from "../lib/dom.js";

const STAYS_MS = 6_000;
const MOST = 3;

export function toast(text, tone = "ok") {
  const box = document.querySelector(".toasts");
  const item = h("div.toast", { dataset: { tone } }, text);
  box.append(item);
  while (box.children.length > MOST) box.firstElementChild.remove();
  setTimeout(() => item.remove(), STAYS_MS);
}

/** Show why something was refused. */
export const toastProblem = (problem) => toast(problem.detail || problem.message, "bad");
