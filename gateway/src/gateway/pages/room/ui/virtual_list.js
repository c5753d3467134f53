// A list of which only what is in sight exists: ten thousand rows cost as much as thirty.
//
// Rows have one height and scroll with the page. One that stays in sight stays the same element, so
// that it keeps the focus when others come and go; one that leaves is used again for the next.

import { h } from "../lib/dom.js";

const BEYOND = 8; // rows that are ready above and below what is in sight

export class VirtualList {
  #items = [];
  #elements = new Map();
  #frame = 0;
  #key;
  #make;
  #update;
  #onEnd;

  /**
   * `key(item)`; `make()` makes a row's element, `update(element, item)` lets it show an item as it
   * is now; `onEnd()` is called when the last rows come into sight.
   */
  constructor({ label, key, make, update, onEnd }) {
    this.#key = key;
    this.#make = make;
    this.#update = update;
    this.#onEnd = onEnd;
    this.element = h("div.virtual-list", { role: "list", "aria-label": label });
    this.draw = this.draw.bind(this);
    addEventListener("scroll", this.draw, { passive: true });
    addEventListener("resize", this.draw);
  }

  close() {
    removeEventListener("scroll", this.draw);
    removeEventListener("resize", this.draw);
    cancelAnimationFrame(this.#frame);
  }

  /** Show these items; the same array may be given again after it has changed. */
  show(items) {
    this.#items = items;
    this.draw();
  }

  /** Draw what is in sight, once for each frame however often it is called. */
  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#drawNow();
    });
  }

  /** Bring an item into sight, and the focus to it. */
  focus(at) {
    const height = this.#rowHeight();
    const top = this.element.getBoundingClientRect().top + at * height;
    const { above, below } = this.#room();
    if (top < above) scrollBy(0, top - above);
    else if (top + height > below) scrollBy(0, top + height - below);
    this.#drawNow();
    this.#elementAt(at)?.querySelector("a")?.focus({ preventScroll: true });
  }

  #elementAt(at) {
    const item = this.#items[at];
    return item && this.#elements.get(this.#key(item));
  }

  #rowHeight() {
    return parseFloat(getComputedStyle(this.element).getPropertyValue("--row-height")) || 40;
  }

  /** Between which heights of the window rows can be seen: the head covers some of it. */
  #room() {
    const above = parseFloat(getComputedStyle(this.element).getPropertyValue("--covered")) || 0;
    return { above, below: innerHeight };
  }

  #drawNow() {
    const height = this.#rowHeight();
    const count = this.#items.length;
    const hidden = Math.max(0, -this.element.getBoundingClientRect().top);
    const first = Math.max(0, Math.floor(hidden / height) - BEYOND);
    const last = Math.min(count, Math.ceil((hidden + innerHeight) / height) + BEYOND);
    this.element.style.height = `${count * height}px`;
    const shown = this.#items.slice(first, last);
    this.#place(shown.map(this.#key), (element, number) => {
      const at = first + number;
      element.style.transform = `translateY(${at * height}px)`;
      element.setAttribute("aria-posinset", at + 1);
      element.setAttribute("aria-setsize", count);
      this.#update(element, shown[number]);
    });
    if (last === count) this.#onEnd();
  }

  /** Have an element for each key, in this order, and none besides. */
  #place(keys, update) {
    const wanted = new Set(keys);
    const free = [];
    for (const [key, element] of this.#elements) {
      if (wanted.has(key)) continue;
      element.remove();
      this.#elements.delete(key);
      free.push(element);
    }
    let next = this.element.firstElementChild;
    keys.forEach((key, number) => {
      const element = this.#elements.get(key) ?? free.pop() ?? this.#make();
      this.#elements.set(key, element);
      if (element === next) next = next.nextElementSibling;
      else this.element.insertBefore(element, next);
      update(element, number);
    });
  }
}
