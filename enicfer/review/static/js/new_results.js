// Whether the session was processed again since this page was opened: looked for while the results lack what was said.

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
  }

  look() {
    const { store } = this;
    if (!store.review.stale || store.hasNewResults || store.busy || !connection.isThere) return;
    if (document.visibilityState === "visible") store.refresh();
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
