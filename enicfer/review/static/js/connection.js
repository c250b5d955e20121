// Whether the review server answers. While it does not, a banner says so, and it is asked again after 1, 2, 4 ... 30 s.

import { announce, byId, el, fill } from "./dom.js";
import { Signal } from "./signal.js";

/** Which command of enicfer started the server, and what the server is called. */
export const COMMAND = document.body.dataset.command ?? "review";
export const SERVER = COMMAND === "code" ? "coding server" : "review server";
const FIRST = 1000; // ms before it is asked again for the first time
const LONGEST = 30_000;
const QUIET = 15_000; // ms without an answer after which a page that is looked at asks
const PATIENCE = 10_000; // ms that an answer may take
const PROBE = "/static/favicon.svg"; // small, and as all else refused to who has not opened the link

class Connection {
  constructor() {
    this.state = "there"; // "gone": no answer; "locked": a server whose link was not opened here
    this.heard = new Date();
    this.delay = FIRST;
    this.waiting = new Set();
    this.back = new Signal();
    this.restart = `enicfer ${COMMAND} ...`; // what is typed to start the server again, but for the port
    setInterval(() => this.check(), QUIET);
    document.addEventListener("visibilitychange", () => this.check());
  }

  get isThere() {
    return this.state === "there";
  }

  /** Note how a request went: the status of its answer, 0 if there was none. */
  note(status) {
    if (status === 0) this.lose("gone");
    else if (status === 401) this.lose("locked");
    else {
      this.heard = new Date();
      if (!this.isThere) this.found();
    }
  }

  /** True if a request failed because the server is away; then `act` is called once it is back. */
  waits(error, act) {
    if (!["gone", "no_token"].includes(error.kind)) return false;
    if (this.isThere) setTimeout(act);
    else this.waiting.add(act);
    return true;
  }

  lose(state) {
    if (state === this.state) return;
    const first = this.isThere;
    this.state = state;
    this.show();
    if (!first) return;
    this.delay = FIRST;
    this.plan();
  }

  found() {
    this.state = "there";
    clearTimeout(this.timer);
    byId("banner").hidden = true;
    announce(`The ${SERVER} answers again.`);
    const acts = [...this.waiting];
    this.waiting.clear();
    for (const act of acts) act();
    this.back.send();
  }

  plan() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), this.delay);
    this.delay = Math.min(LONGEST, 2 * this.delay);
  }

  async ask() {
    const away = !this.isThere;
    let status = 0;
    try {
      status = (await fetch(PROBE, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) })).status;
    } catch {
      // No answer: the status stays 0.
    }
    this.note(status);
    if (away && !this.isThere) this.plan();
  }

  check() {
    if (document.visibilityState !== "visible") return;
    if (!this.isThere || Date.now() - this.heard < QUIET) return;
    this.ask();
  }

  show() {
    const said =
      this.state === "gone"
        ? [
            `The ${SERVER} does not answer. Start it again with `,
            el("code", {}, `${this.restart} --port ${location.port}`),
            " and open the link that it prints: then this page goes on by itself.",
          ]
        : [`The ${SERVER} was started anew. Open the link that it printed: then this page goes on by itself.`];
    const again = () => {
      this.delay = FIRST;
      this.ask();
    };
    fill(
      byId("banner"),
      el("p", {}, said, ` What was said up to ${this.heard.toLocaleTimeString()} is stored, nothing since.`),
      el("button", { type: "button", onclick: again }, "Ask again now"),
    );
    byId("banner").hidden = false;
  }
}

export const connection = new Connection();
