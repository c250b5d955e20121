// What is typed so that the results follow what was said.

import { el } from "./dom.js";

/** The command, and how the page goes on; null where the results hold all that was said. */
export function whatToRun({ review: { stale, command }, hasNewResults }) {
  if (hasNewResults) return el("p", { class: "to-run" }, "New results are there: load this page again.");
  if (!stale) return null;
  return el(
    "div",
    { class: "to-run" },
    el("p", {}, "The results do not follow this yet. Run this command in a terminal:"),
    el("p", {}, el("code", {}, command)),
    el(
      "p",
      { class: "soft" },
      "This page does not run it. The terminal shows how far it is; only what depends on the review is computed. ",
      "You need not load this page again before: it looks every 5 s, and tells you when the new results are there.",
    ),
  );
}
