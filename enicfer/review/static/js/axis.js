// What part of the recording is in view. Times are seconds of the recording's clock.

import { Signal } from "./signal.js";

const SHORTEST = 0.2; // s in view at the closest

export class TimeAxis {
  constructor(first, last) {
    this.first = first;
    this.last = Math.max(last, first + SHORTEST);
    this.start = this.first;
    this.stop = this.last;
    this.changed = new Signal();
  }

  get span() {
    return this.stop - this.start;
  }

  /** Show from `start` to `stop`, moved and cut so that it lies on the axis. */
  show(start, stop) {
    const whole = this.last - this.first;
    const span = Math.min(whole, Math.max(SHORTEST, stop - start));
    const from = Math.min(this.last - span, Math.max(this.first, start));
    if (from === this.start && from + span === this.stop) return;
    this.start = from;
    this.stop = from + span;
    this.changed.send();
  }

  showAll() {
    this.show(this.first, this.last);
  }

  /** Show less (factor < 1) or more around a time, which stays where it is. */
  zoom(factor, around) {
    const span = Math.min(this.last - this.first, Math.max(SHORTEST, this.span * factor));
    const share = (around - this.start) / this.span;
    this.show(around - share * span, around + (1 - share) * span);
  }

  pan(by) {
    this.show(this.start + by, this.stop + by);
  }

  /** Turn the page when a time has left the view. */
  keepInView(time) {
    if (!Number.isFinite(time) || (time >= this.start && time <= this.stop)) return;
    const lead = time > this.stop ? 0.1 : 0.9;
    this.show(time - lead * this.span, time + (1 - lead) * this.span);
  }
}
