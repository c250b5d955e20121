// The keys of a page: one table, from which the help is made too.

import { byId, el, fill } from "./dom.js";
import { formIsOpen, openDialog } from "./forms.js";

/** Texts being written keep their keys. */
function isWriting(target) {
  if (target.isContentEditable || target.tagName === "TEXTAREA" || target.tagName === "SELECT") return true;
  return target.tagName === "INPUT" && !["checkbox", "radio", "button"].includes(target.type);
}

/** Space and Enter belong to a button that has the focus. */
function isPressing(event) {
  return [" ", "Enter"].includes(event.key) && event.target.closest("button, a, summary, input, [role=tab]");
}

/**
 * Listen to keys. Each row is {key, shift?, ctrl?, says, act, group}; `key` may be a list.
 * `act` may return false to leave the key to the browser.
 */
export function listenToKeys(rows) {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey || isWriting(event.target) || isPressing(event)) return;
    if (formIsOpen()) return;
    const row = rows.find((candidate) => fits(candidate, event));
    if (row && row.act(event) !== false) event.preventDefault();
  });
}

function fits({ key, shift, ctrl = false }, event) {
  const keys = Array.isArray(key) ? key : [key];
  const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return keys.includes(pressed) && ctrl === event.ctrlKey && (shift === undefined || shift === event.shiftKey);
}

const SIGNS = {
  " ": "Space",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
  PageUp: "Page up",
  PageDown: "Page down",
  "-": "−",
  _: "underscore",
};

function keyElements({ key, shift, ctrl }) {
  const shown = (Array.isArray(key) ? key : [key]).map(
    (one) => SIGNS[one] ?? (one.length === 1 ? one.toUpperCase() : one),
  );
  const before = [...(ctrl ? ["Ctrl"] : []), ...(shift ? ["Shift"] : [])];
  return shown.flatMap((one, i) => [
    i ? " " : null,
    ...before.map((name) => [el("kbd", {}, name), "+"]).flat(),
    el("kbd", {}, one),
  ]);
}

/** Fill the help dialog, with `terms` {title, rows: [[term, meaning]], more} after the keys, and let `?` and the button open it; what plays waits while it is open. */
export function makeHelp(rows, player = null, terms = []) {
  const dialog = byId("keys");
  const open = () => openDialog(dialog, player);
  const groups = [...new Set(rows.map(({ group }) => group))];
  fill(
    byId("keys-list"),
    groups.map((group) =>
      el(
        "section",
        {},
        el("h3", {}, group),
        el(
          "dl",
          {},
          rows
            .filter((row) => row.group === group && row.says)
            .flatMap((row) => [el("dt", {}, keyElements(row)), el("dd", {}, row.says)]),
        ),
      ),
    ),
    terms.map(({ title, rows: told, more }) =>
      el(
        "section",
        { class: "terms" },
        el("h3", {}, title),
        told.map(([term, meaning]) => el("p", {}, el("strong", {}, term), `: ${meaning}`)),
        el("p", {}, more),
      ),
    ),
  );
  byId("keys-button").addEventListener("click", open);
  byId("keys-close").addEventListener("click", () => dialog.close());
  return open;
}
