// What the time axis shows, as tables: for those who do not see it, and for those who want the numbers.

import { byId, el, fill, nameOf } from "./dom.js";
import { openDialog } from "./forms.js";
import { count, disputeInWords, milliseconds, percent, seconds, words } from "./format.js";

const MOST = 200; // rows of a table
const SAMPLES = 12; // times at which the curves are told

export class TimelineText {
  constructor({ axis, player, frames, store, segments, pulses, curves, statuses, info }) {
    Object.assign(this, { axis, player, frames, store, segments, pulses, curves, statuses, info });
    this.dialog = byId("as-text");
    byId("as-text-button").addEventListener("click", () => this.open());
    byId("as-text-close").addEventListener("click", () => this.dialog.close());
  }

  open() {
    const { start, stop } = this.axis;
    byId("as-text-title").textContent = `From ${seconds(start, 2)} to ${seconds(stop, 2)} of the recording`;
    fill(
      byId("as-text-tables"),
      this.table("Trials", ["trial", "condition", "to", "valid", "verdict"], this.trials()),
      this.table("Segments", ["expression", "to", "probability"], this.spans()),
      this.table("Status of the frames", ["status", "to"], this.states()),
      this.table("Pulses", ["pulse", "residual"], this.ticks()),
      this.table("Marks and corrections", ["what", "note"], this.marks()),
      this.table("Probabilities", this.info.labels, this.samples()),
    );
    openDialog(this.dialog, this.player);
    this.dialog.scrollTop = 0;
  }

  /** A table of `rows`, [time, ...cells] each; a time is a button that goes there. */
  table(title, columns, rows) {
    if (!rows.length) return el("p", { class: "soft" }, `${title}: none here.`);
    const left = rows.length - MOST;
    return el(
      "section",
      {},
      el("h3", {}, title),
      left > 0 ? el("p", { class: "soft" }, `${count(left, "more row")}: show less of the time.`) : null,
      el(
        "table",
        { "aria-label": title },
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            ["from", ...columns].map((name) => el("th", { scope: "col" }, name)),
          ),
        ),
        el("tbody", {}, rows.slice(0, MOST).map((row) => this.row(row))),
      ),
    );
  }

  row([time, ...cells]) {
    const go = () => {
      this.dialog.close();
      this.player.pause();
      this.player.seekTime(time);
    };
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, el("button", { type: "button", class: "link", onclick: go }, seconds(time, 2))),
      cells.map((cell) => el("td", {}, nameOf(cell))),
    );
  }

  inView(start, stop = start) {
    return stop >= this.axis.start && start <= this.axis.stop;
  }

  trials() {
    return this.store.trials
      .filter(({ start, stop }) => this.inView(start, stop))
      .map((trial) => [
        trial.start,
        String(trial.trial),
        trial.condition,
        seconds(trial.stop, 2),
        percent(trial.valid),
        this.store.isDisputed(trial)
          ? `≠ ${disputeInWords(this.store.judgements(trial))}`
          : (this.store.verdict(trial.trial)?.verdict ?? "open"),
      ]);
  }

  spans() {
    return this.segments
      .filter(({ start, stop }) => this.inView(start, stop))
      .map(({ start, stop, label, reason, probability }) => [
        start,
        label === "lost" ? `face lost: ${words(reason)}` : label,
        seconds(stop, 2),
        label === "lost" ? "" : percent(probability),
      ]);
  }

  states() {
    return (this.curves.data?.status ?? [])
      .filter(({ start, stop }) => this.inView(start, stop))
      .map(({ start, stop, status }) => [
        start,
        this.statuses[status] === "ok" ? "valid" : words(this.statuses[status]),
        seconds(stop, 2),
      ]);
  }

  ticks() {
    const { matched, unmatched_video: video, unmatched_recording: recording } = this.pulses;
    return [
      ...matched.map(({ time, residual }) => [time, "on both clocks", milliseconds(residual)]),
      ...video.map(({ time }) => [time, "only in the video", ""]),
      ...recording.map(({ time }) => [time, "only in the recording", ""]),
    ]
      .filter(([time]) => Number.isFinite(time) && this.inView(time))
      .sort(([one], [other]) => one - other);
  }

  marks() {
    return this.store.review.entries
      .filter(({ frame, time }) => frame !== undefined && Number.isFinite(time) && this.inView(time))
      .map(({ time, kind, note }) => [time, words(kind), note ?? ""]);
  }

  samples() {
    const { data } = this.curves;
    if (!data) return [];
    const inside = data.time.map((time, i) => [time, i]).filter(([time]) => this.inView(time));
    const step = Math.max(1, Math.floor(inside.length / SAMPLES));
    return inside
      .filter((_, i) => i % step === 0)
      .slice(0, SAMPLES)
      .map(([time, i]) => [time, ...this.info.labels.map((label) => percent(data.probability[label][i]))]);
  }
}
