// Light, dark, or as the system has it.

import { toast } from "./toast.js";

const ORDER = ["", "light", "dark"];
const NAMES = { "": "As the system", light: "Light", dark: "Dark" };

export function nextTheme() {
  const { dataset } = document.documentElement;
  const next = ORDER[(ORDER.indexOf(dataset.theme ?? "") + 1) % ORDER.length];
  if (next) dataset.theme = next;
  else delete dataset.theme;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // It counts until the page is closed.
  }
  toast(`Theme: ${NAMES[next]}`);
}
