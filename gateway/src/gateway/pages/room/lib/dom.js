// Elements without markup: text is always text, so that no data can become HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element: h("button.primary", { type: "button", onclick }, "Send").
 * Properties: `on…` listeners, `class` (added to those of the tag), `dataset`, anything else an
 * attribute; null, undefined and false leave it out, true sets it empty (`aria-…`: "true", "false").
 */
export function h(tag, properties, ...children) {
  return build((name) => document.createElement(name), tag, properties, children);
}

/** The same for SVG: s("path", { d }). */
export function s(tag, properties, ...children) {
  return build((name) => document.createElementNS(SVG, name), tag, properties, children);
}

function build(create, tag, properties, children) {
  const [name, ...classes] = tag.split(".");
  const element = create(name);
  if (classes.length) element.classList.add(...classes);
  const isProperties = properties && typeof properties === "object" && !isChild(properties);
  if (isProperties) set(element, properties);
  else if (properties !== undefined) children.unshift(properties);
  append(element, children);
  return element;
}

function isChild(value) {
  return value instanceof Node || Array.isArray(value);
}

/** Set attributes, listeners and data of an element that is there. */
export function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on") && typeof value === "function") {
      element.addEventListener(name.slice(2), value);
    } else if (name === "class") {
      if (value) element.classList.add(...value.split(" ").filter(Boolean));
    } else if (name === "dataset") {
      Object.assign(element.dataset, value);
    } else if (name === "value" && "value" in element) {
      element.value = value ?? "";
    } else if (name.startsWith("aria-") && typeof value === "boolean") {
      element.setAttribute(name, String(value));
    } else if (value === null || value === undefined || value === false) {
      element.removeAttribute(name);
    } else {
      const text = value === true ? "" : String(value);
      if (element.getAttribute(name) !== text) element.setAttribute(name, text);
    }
  }
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/**
 * The same, but the focus stays on the control of the same name, if there is one such control; where
 * nothing is new nothing is touched, so that a button is not taken away while it is pressed.
 */
export function refill(element, ...children) {
  const next = fill(element.cloneNode(), ...children);
  if (next.isEqualNode(element)) return element;
  const focused = element.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  element.replaceChildren(...next.childNodes);
  if (!focused) return element;
  const same = [...element.querySelectorAll("a, button, input, select")].filter((each) => nameOf(each) === focused);
  if (same.length === 1) same[0].focus({ preventScroll: true });
  return element;
}

const nameOf = (element) => element.getAttribute("aria-label") ?? element.getAttribute("href") ?? element.id;

/** Set an element's text if it is another one: unchanged nodes keep selections and stay quiet. */
export function setText(element, text) {
  const next = String(text);
  if (element.textContent !== next) element.textContent = next;
  return element;
}

/**
 * Show a list in a container, one element for each item: `make(item)` makes it once for each
 * `key(item)`, `update(element, item)` is called each time. Elements that stay are not touched
 * otherwise, so that the focus and open menus outlive live updates.
 */
export function keyed(container, items, { key, make, update }) {
  const known = (container.keyedElements ??= new Map());
  const wanted = new Set(items.map(key));
  // Those that go go first: an element that must be moved past them would lose the focus.
  for (const [id, element] of known) {
    if (wanted.has(id)) continue;
    element.remove();
    known.delete(id);
  }
  let place = container.firstElementChild;
  for (const item of items) {
    const id = key(item);
    let element = known.get(id);
    if (!element) known.set(id, (element = make(item)));
    update?.(element, item);
    if (element === place) place = place.nextElementSibling;
    else container.insertBefore(element, place);
  }
}
