// Whether the session was processed again since this page was opened, and what other windows stored.

import { connection } from "./connection.js";
import { byId, el, fill, nameOf } from "./dom.js";

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
    if (store.hasNewResults || store.otherCoder || store.busy || !connection.isThere || document.visibilityState !== "visible") return;
    try {
      const { results, said } = await store.source.get("results");
      if ((results && results !== store.results) || said !== store.review.said) store.refresh();
    } catch {
      // The banner says that the server is away.
    }
  }

  show() {
    const { store, place } = this;
    if (store.otherCoder)
      this.tell(
        ["This page is ", nameOf(store.coder), "'s, and the server was started for ", nameOf(store.otherCoder), "."],
        "Load the page again",
      );
    else if (store.hasNewResults && place.hidden)
      this.tell(["New results are there. This page still shows those from before."], "Show the new results");
  }

  tell(said, does) {
    this.place.hidden = false;
    fill(
      this.place,
      el("p", {}, said),
      el("button", { type: "button", onclick: () => location.reload() }, does),
    );
  }
}
