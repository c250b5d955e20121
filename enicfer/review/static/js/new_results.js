// Whether the session was processed again since this page was opened.

import { connection } from "./connection.js";
import { byId, el, fill } from "./dom.js";

const EVERY = 5000; // ms between looks

export class NewResults {
  constructor(store) {
    this.store = store;
    this.place = byId("new-results");
    store.changed.listen(() => this.show());
    this.show();
    setInterval(() => this.look(), EVERY);
    document.addEventListener("visibilitychange", () => this.look());
  }

  async look() {
    const { store } = this;
    if (store.hasNewResults || store.busy || !connection.isThere || document.visibilityState !== "visible") return;
    try {
      const { results } = await store.source.get("results");
      if (results && results !== store.results) store.refresh();
    } catch {
      // The banner says that the server is away.
    }
  }

  show() {
    if (!this.store.hasNewResults || !this.place.hidden) return;
    this.place.hidden = false;
    fill(
      this.place,
      el("p", {}, "New results are there. This page still shows those from before."),
      el("button", { type: "button", onclick: () => location.reload() }, "Show the new results"),
    );
  }
}
