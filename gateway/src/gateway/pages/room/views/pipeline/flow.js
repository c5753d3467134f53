// The lines between the stages, drawn behind them. What flows is seen to move, faster with the rate.

import { s, set } from "../../lib/dom.js";

const SLOWEST_S = 2.6; // for a dash to move on by one gap
const FASTEST_S = 0.25;

export class Flow {
  #stage;
  #svg = s("svg.flow", { "aria-hidden": true });
  #connections = [];
  #paths = new Map();
  #observer = new ResizeObserver(() => this.#place());

  constructor(stage) {
    this.#stage = stage;
    stage.prepend(this.#svg);
    this.#observer.observe(stage);
  }

  /** `connections`: [{from, to, rate, isClosed}]; elements within the stage. */
  update(connections) {
    this.#connections = connections;
    const wanted = new Set(connections.map(({ to }) => to));
    for (const [to, path] of this.#paths) {
      if (!wanted.has(to)) {
        path.remove();
        this.#paths.delete(to);
      }
    }
    for (const { to } of connections) {
      if (!this.#paths.has(to)) this.#paths.set(to, this.#newPath(to));
    }
    this.#place();
  }

  close() {
    this.#observer.disconnect();
  }

  #newPath(to) {
    this.#observer.observe(to);
    const group = s("g", s("path.pipe"), s("path.moving"));
    this.#svg.append(group);
    return group;
  }

  #place() {
    const box = this.#stage.getBoundingClientRect();
    set(this.#svg, { width: box.width, height: box.height, viewBox: `0 0 ${box.width} ${box.height}` });
    for (const { from, to, rate, isClosed } of this.#connections) {
      const group = this.#paths.get(to);
      if (!group) continue;
      const d = curve(from.getBoundingClientRect(), to.getBoundingClientRect(), box);
      for (const path of group.children) set(path, { d });
      group.classList.toggle("closed", Boolean(isClosed));
      group.classList.toggle("flowing", rate > 0 && !isClosed);
      const seconds = Math.max(FASTEST_S, SLOWEST_S / (1 + Math.log2(1 + (rate ?? 0))));
      // Set only when it is another: an animation jumps when its duration changes.
      const wanted = `${(Math.round(seconds * 5) / 5 || FASTEST_S).toFixed(2)}s`;
      if (group.lastElementChild.style.animationDuration !== wanted) {
        group.lastElementChild.style.animationDuration = wanted;
      }
    }
  }
}

/** A curve from one box to another: to its left side if it is to the right, else to its top. */
function curve(from, to, origin) {
  if (to.left >= from.right) {
    const [x1, y1] = [from.right - origin.left, middle(from, to) - origin.top];
    const [x2, y2] = [to.left - origin.left, to.top + to.height / 2 - origin.top];
    const bend = (x2 - x1) / 2;
    return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  }
  const x = Math.max(from.left, to.left) + 24 - origin.left;
  return `M${x} ${from.bottom - origin.top}V${to.top - origin.top}`;
}

/** Where a line leaves a box: beside the other's middle if it can, so that it is straight. */
function middle(from, to) {
  const wanted = to.top + to.height / 2;
  const margin = Math.min(18, from.height / 2);
  return Math.min(Math.max(wanted, from.top + margin), from.bottom - margin);
}
