// How far the coder is, how fast, and when a break would be good.

import { byId, fill } from "./dom.js";
import { count } from "./format.js";

const LOOKED_AT = 20; // codes from which the pace is told
const FEWEST = 3;
const LONGEST = 120; // s; what took longer was a pause
const WORK = 20 * 60; // s after which a break is suggested
const PAUSE = 120; // s without a code that count as a break

export class Pace {
  constructor(word) {
    this.word = word; // what is coded: "face"
    this.took = [];
    this.since = null; // when the coder began to work without a pause, in ms
    this.before = null;
    byId("break-over").addEventListener("click", () => this.rest());
  }

  /** A code took so many s; undefined for one that was interrupted. */
  note(took) {
    const now = Date.now();
    if (this.before === null || now - this.before > 1000 * PAUSE) this.rest();
    this.since ??= now;
    this.before = now;
    if (took !== undefined) this.took = [...this.took, took].slice(-LOOKED_AT);
    if (now - this.since < 1000 * WORK) return;
    byId("break-text").textContent =
      `You have coded for ${Math.round((now - this.since) / 60_000)} minutes. ` +
      "A short break keeps your eyes fresh; all is stored.";
    byId("break").hidden = false;
  }

  rest() {
    this.since = null;
    byId("break").hidden = true;
  }

  /** s from `begin` (ms of the page) until now, or undefined if the coder was away. */
  measure(begin) {
    const took = (performance.now() - begin) / 1000;
    return took <= LONGEST ? Math.round(1000 * took) / 1000 : undefined;
  }

  show(queue) {
    const { done, total } = queue;
    byId("bar").setAttribute("aria-valuemax", total);
    byId("bar").setAttribute("aria-valuenow", done);
    byId("bar").firstElementChild.style.width = `${(100 * done) / Math.max(1, total)}%`;
    byId("count").textContent = `${done} of ${total}`;
    if (this.took.length < FEWEST) return;
    const mean = this.took.reduce((sum, one) => sum + one, 0) / this.took.length;
    const left = Math.ceil(((total - done) * mean) / 60);
    const rest = done < total ? ` · about ${count(left, "minute")} left` : "";
    fill(byId("pace"), `${mean.toFixed(1)} s a ${this.word}${rest}`);
  }
}
