// What is typed so that the results follow what was said.

import { el } from "./dom.js";

/** A sentence with the command, or null where the results hold all that was said. */
export function whatToRun({ stale, command }) {
  if (!stale) return null;
  return el(
    "p",
    { class: "to-run" },
    "The results do not follow this yet. Run ",
    el("code", {}, command),
    " (only what depends on it is computed), then load this page again.",
  );
}
