// Building pages. Every text goes in as text, never as markup.

/**
 * Make an element: el("p", {class: "soft", "aria-label": name, onclick: act}, "text", child).
 * A property whose name begins with "on" is a listener; `null`, `undefined` and `false` leave a property out.
 */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && !name.includes("-") && name !== "list" && name !== "form")
      setProperty(made, name, value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

function setProperty(made, name, value) {
  if (typeof made[name] === "object" && made[name] !== null) made.setAttribute(name, value);
  else made[name] = value;
}

/** A name that people gave: shown as text, in its own direction of writing. */
export function nameOf(text, properties = {}) {
  return el("bdi", properties, text);
}

/** The element of the page with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Put these children in place of what an element holds; a control that had the focus passes it to its successor. */
export function fill(element, ...children) {
  const controls = () => [...element.querySelectorAll("button, input, select, a")];
  const focused = controls().indexOf(document.activeElement);
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
  if (focused >= 0)
    (controls()[Math.min(focused, controls().length - 1)] ?? document.body).focus({ preventScroll: true });
}

/** Say a sentence to a screen reader, and show it for some seconds; `alert`: as a failure. */
export function announce(sentence, alert = false, long = alert) {
  const place = byId("notice");
  place.setAttribute("aria-live", alert ? "assertive" : "polite");
  // A screen reader says a sentence anew only where it changes.
  if (place.textContent === sentence) place.textContent = "";
  place.textContent = sentence;
  place.classList.toggle("alert", alert);
  place.classList.add("shown");
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => place.classList.remove("shown"), long ? 12000 : 4000);
}
