// The probabilities, as much of them as the view needs: thinned out by the server, exact where the view is short.

import { connection } from "./connection.js";
import { lastNotAfter } from "./frames.js";
import { Signal } from "./signal.js";

const QUIET = 80; // ms without another change of the view before the server is asked
const AROUND = 6; // s on each side of the cursor that are kept exactly, for the numbers shown
const EXACT_POINTS = 4000;
const NOTHING = { time: [], probability: {} };

/** What the plot draws of the part in view. */
export class Curves {
  constructor(source, axis, points) {
    Object.assign(this, { source, axis, points });
    this.series = "raw";
    this.data = null;
    this.changed = new Signal();
    this.failed = new Signal();
    axis.changed.listen(() => this.wait());
    connection.back.listen(() => this.fetchView());
  }

  use(series) {
    this.series = series;
    this.data = null;
    this.fetchView();
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetchView(), QUIET);
  }

  covers() {
    const { data, axis } = this;
    return data?.exact && data.start <= axis.start && data.stop >= axis.stop;
  }

  async fetchView() {
    if (this.covers() || !connection.isThere) return;
    this.abort?.abort();
    this.abort = new AbortController();
    const { start, stop, span, first, last } = this.axis;
    const view = { start: Math.max(first, start - span / 4), stop: Math.min(last, stop + span / 4) };
    try {
      this.data = await this.source.curves({
        ...view,
        points: this.points() * 1.5,
        series: this.series,
        signal: this.abort.signal,
      });
      this.changed.send();
    } catch (error) {
      if (error.name !== "AbortError" && connection.isThere) this.failed.send(error);
    }
  }
}

/** The probabilities of single frames around the cursor. */
export class FrameValues {
  constructor(source, axis, labels) {
    Object.assign(this, { source, axis, labels });
    this.series = "raw";
    this.part = null;
    this.asked = null;
    this.arrived = new Signal();
    connection.back.listen(() => this.arrived.send());
  }

  use(series) {
    this.series = series;
    this.part = null;
    this.asked = null;
  }

  /** label -> probability at a time of the recording; null where there is none, undefined while it is on its way. */
  at(time) {
    if (!Number.isFinite(time)) return null;
    const { part } = this;
    if (!part || time < part.start || time > part.stop) {
      this.fetchAround(time);
      return undefined;
    }
    if (time > part.stop - AROUND / 2 && part.stop < this.axis.last) this.fetchAround(time + AROUND);
    const before = lastNotAfter(part.time, time + 1e-4, part.time.length);
    if (before < 0 || Math.abs(part.time[before] - time) > 2e-3) return null;
    const values = Object.fromEntries(this.labels.map((label) => [label, part.probability[label][before]]));
    return Object.values(values).every((value) => value !== null) ? values : null;
  }

  async fetchAround(time) {
    if (!connection.isThere || (this.asked !== null && Math.abs(this.asked - time) < AROUND)) return;
    this.asked = time;
    const { series } = this;
    const around = { start: time - AROUND, stop: time + AROUND };
    let part = { ...around, ...NOTHING };
    try {
      const found = await this.source.curves({ ...around, points: EXACT_POINTS, series });
      if (found.exact) part = found;
    } catch {
      // The plot says what is wrong; the numbers stay empty here, or until the server is back.
      if (!connection.isThere) part = null;
    }
    if (series === this.series) this.part = part;
    this.asked = null;
    if (connection.isThere) this.arrived.send();
  }
}
