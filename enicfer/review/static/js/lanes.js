// The lanes below the plot: status, segments, trials, pulses, marks. One canvas, one time axis.

import { conditionLetter, drawCondition } from "./conditions.js";
import { inkOn, laneGround, onSchemeChange, pageColors, statusColor, visible } from "./colors.js";
import { disputeInWords, isolated, percent, seconds, words } from "./format.js";
import { GUTTER, RIGHT } from "./plot.js";

const GAP = 4;
const FONT = '11px system-ui, "Segoe UI", "Noto Sans", sans-serif';
const ROW = 13; // px of a condition's row
const MOST_ROWS = 6; // conditions with a row of their own

export class Lanes {
  constructor(canvas, { axis, info, statuses, curves, store, segments, pulses }) {
    Object.assign(this, { canvas, axis, info, statuses, curves, store, segments });
    this.pulses = pulseTicks(pulses);
    this.rows = info.conditions.length <= MOST_ROWS ? info.conditions : [];
    const trialHeight = this.rows.length ? this.rows.length * ROW : 16;
    let top = 2;
    this.lanes = [
      ["status", 12, this.drawStatus],
      ["segments", 15, this.drawSegments],
      ["trials", trialHeight, this.drawTrials],
      ["pulses", 13, this.drawPulses],
      ["marks", 13, this.drawMarks],
    ].map(([name, height, draw]) => {
      const lane = { name, top, height, draw };
      top += height + GAP;
      return lane;
    });
    this.height = top;
    for (const signal of [axis.changed, curves.changed, store.changed]) signal.listen(() => this.draw());
    onSchemeChange(() => this.draw());
  }

  resize(width) {
    this.width = width;
    this.canvas.style.height = `${this.height}px`;
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(this.height * devicePixelRatio);
    this.draw();
  }

  x(time) {
    return GUTTER + ((time - this.axis.start) / this.axis.span) * (this.width - GUTTER - RIGHT);
  }

  draw() {
    if (!this.width) return;
    const pen = this.canvas.getContext("2d");
    this.colors = pageColors();
    this.ground = laneGround(this.colors);
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    pen.font = FONT;
    pen.textBaseline = "middle";
    for (const lane of this.lanes) {
      pen.save();
      pen.fillStyle = this.ground;
      pen.fillRect(GUTTER, lane.top, this.width - GUTTER - RIGHT, lane.height);
      if (!(lane.name === "trials" && this.rows.length)) this.label(pen, lane.name, lane.top + lane.height / 2);
      pen.beginPath();
      pen.rect(GUTTER, 0, this.width - GUTTER - RIGHT, this.height);
      pen.clip();
      lane.draw.call(this, pen, lane);
      pen.restore();
    }
    if (this.rows.length) this.labelRows(pen);
  }

  /** What a lane is, at its left; a `letter` is kept where the name is too long. */
  label(pen, name, y, letter = "") {
    pen.fillStyle = this.colors.ink;
    pen.textAlign = "right";
    const fitting = fitText(pen, name, GUTTER - 14 - pen.measureText(letter).width);
    pen.fillText(`${isolated(fitting)}${letter}`, GUTTER - 8, y);
  }

  labelRows(pen) {
    const lane = this.lanes.find(({ name }) => name === "trials");
    this.rows.forEach((condition, row) =>
      this.label(pen, condition, lane.top + ROW * (row + 0.5), ` ${conditionLetter(row)}`),
    );
  }

  inView(start, stop) {
    return stop >= this.axis.start && start <= this.axis.stop;
  }

  /** Fill a stretch of time, at least one pixel wide; gives its edges. */
  bar(pen, start, stop, top, height) {
    const left = this.x(start);
    const width = Math.max(1, this.x(stop) - left);
    pen.fillRect(left, top, width, height);
    return [left, width];
  }

  drawStatus(pen, { top, height }) {
    for (const { start, stop, status } of this.curves.data?.status ?? []) {
      if (!this.inView(start, stop)) continue;
      pen.fillStyle = statusColor(this.statuses[status], this.ground);
      const ok = this.statuses[status] === "ok";
      this.bar(pen, start, stop, ok ? top + height / 2 - 1.5 : top, ok ? 3 : height);
    }
  }

  drawSegments(pen, { top, height }) {
    for (const { start, stop, label } of this.segments) {
      if (!this.inView(start, stop)) continue;
      if (label === "lost") {
        this.hatch(pen, start, stop, top, height);
        continue;
      }
      const color = visible(this.info.colors[label] ?? "#808080", this.ground);
      pen.fillStyle = color;
      const [left, width] = this.bar(pen, start, stop, top, height);
      this.textInside(pen, label, color, left, width, top + height / 2);
    }
  }

  textInside(pen, text, color, left, width, y) {
    if (width < 24 || pen.measureText(text).width > width - 6) return;
    pen.fillStyle = inkOn(color);
    pen.textAlign = "center";
    pen.fillText(text, left + width / 2, y + 0.5);
  }

  hatch(pen, start, stop, top, height) {
    pen.save();
    pen.strokeStyle = this.colors.soft;
    pen.lineWidth = 1;
    const left = this.x(start);
    const right = Math.max(left + 2, this.x(stop));
    pen.beginPath();
    pen.rect(left, top, right - left, height);
    pen.clip();
    pen.beginPath();
    for (let x = Math.max(left, GUTTER - 20) - height; x < Math.min(right, this.width); x += 5) {
      pen.moveTo(x, top + height);
      pen.lineTo(x + height, top);
    }
    pen.stroke();
    pen.restore();
  }

  drawTrials(pen, { top, height }) {
    for (const trial of this.store.trials) {
      if (!this.inView(trial.start, trial.stop)) continue;
      const row = Math.max(0, this.rows.indexOf(trial.condition));
      const [y, tall] = this.rows.length ? [top + ROW * row + 1, ROW - 2] : [top + 1, height - 2];
      const left = this.x(trial.start);
      const width = Math.max(1, this.x(trial.stop) - left);
      const condition = Math.max(0, this.info.conditions.indexOf(trial.condition));
      const mark = this.markOf(trial);
      const letter = width >= (mark ? 30 : 14);
      const look = { pale: mark === "rejected", letter };
      drawCondition(pen, condition, this.colors, [left, y, width, tall], look);
      if (mark && width >= 9) this.verdictMark(pen, mark, letter ? left + width - 9 : left + width / 2, y + tall / 2);
      if (trial.trial === this.store.selected) {
        pen.strokeStyle = this.colors.accent;
        pen.lineWidth = 2;
        pen.strokeRect(left - 1, y - 1, width + 2, tall + 2);
      }
    }
  }

  /** What is said of a trial: "accepted", "rejected", "disputed", or "" where nothing is. */
  markOf(trial) {
    if (this.store.isDisputed(trial)) return "disputed";
    return this.store.verdict(trial.trial)?.verdict ?? "";
  }

  /** A tick, a cross, or ≠ where coders disagree, on ground of its own. */
  verdictMark(pen, mark, x, middle) {
    const way = {
      accepted: [[-4, 0], [-1, 3], [4, -4]],
      rejected: [[-4, -4], [4, 4], null, [4, -4], [-4, 4]],
      disputed: [[-4, -2], [4, -2], null, [-4, 2], [4, 2], null, [2.5, -4.5], [-2.5, 4.5]],
    }[mark];
    pen.fillStyle = this.colors.paper;
    pen.fillRect(x - 6, middle - 5, 12, 10);
    pen.lineWidth = 1.75;
    pen.strokeStyle = mark === "accepted" ? this.colors.good : this.colors.alert;
    pen.beginPath();
    let begins = true;
    for (const step of way) {
      if (!step) begins = true;
      else if (begins) {
        pen.moveTo(x + step[0], middle + step[1]);
        begins = false;
      } else pen.lineTo(x + step[0], middle + step[1]);
    }
    pen.stroke();
  }

  drawPulses(pen, { top, height }) {
    for (const { time, kind } of this.pulses) {
      if (!Number.isFinite(time) || !this.inView(time, time)) continue;
      const x = this.x(time);
      pen.fillStyle = kind === "matched" ? this.colors.accent : this.colors.alert;
      if (kind === "matched") pen.fillRect(x - 1, top, 2, height);
      else pen.fillRect(x - 1.5, kind === "video" ? top : top + height / 2, 3, height / 2);
    }
  }

  drawMarks(pen, { top, height }) {
    for (const { time, entry } of this.marks()) {
      if (!this.inView(time, time)) continue;
      const [x, y, r] = [this.x(time), top + height / 2, height / 2];
      pen.fillStyle = entry.kind === "mark" ? this.colors.accent : this.colors.alert;
      pen.beginPath();
      pen.moveTo(x, y - r);
      pen.lineTo(x + r, y);
      pen.lineTo(x, y + r);
      pen.lineTo(x - r, y);
      pen.fill();
    }
  }

  marks() {
    const kinds = ["mark", "participant", "not_participant", "never"];
    return this.store.review.entries
      .filter(({ kind, time }) => kinds.includes(kind) && Number.isFinite(time))
      .map((entry) => ({ time: entry.time, entry }));
  }

  laneAt(y) {
    return this.lanes.find(({ top, height }) => y >= top && y < top + height + GAP)?.name;
  }

  trialAt(x, y) {
    const lane = this.lanes.find(({ name }) => name === "trials");
    const row = Math.floor((y - lane.top) / ROW);
    return this.store.trials.find(
      ({ start, stop, condition }) =>
        x >= this.x(start) - 1 &&
        x <= Math.max(this.x(start) + 3, this.x(stop)) &&
        (!this.rows.length || this.rows[row] === condition),
    );
  }

  /** What lies under the pointer, in words. */
  textAt(x, y, time) {
    const near = (when) => Math.abs(this.x(when) - x) < 5;
    switch (this.laneAt(y)) {
      case "status": {
        const found = this.curves.data?.status.find(({ start, stop }) => time >= start && time < stop);
        return found ? words(this.statuses[found.status]) : "";
      }
      case "segments": {
        const found = this.segments.find(({ start, stop }) => time >= start && time < stop);
        if (!found) return "";
        return found.label === "lost"
          ? `face lost: ${words(found.reason)}`
          : `${found.label} ${percent(found.probability)}, ${seconds(found.stop - found.start, 2)}`;
      }
      case "trials": {
        const found = this.trialAt(x, y);
        if (!found) return "";
        const said = this.store.isDisputed(found) ? `; ${disputeInWords(this.store.judgements(found))}` : "";
        return `trial ${found.trial}: ${isolated(found.condition)}, ${percent(found.valid)} valid${said}`;
      }
      case "pulses": {
        const found = this.pulses.find((pulse) => near(pulse.time));
        return found ? found.text : "";
      }
      case "marks": {
        const found = this.marks().find((mark) => near(mark.time));
        return found ? `${words(found.entry.kind)}${found.entry.note ? `: ${isolated(found.entry.note)}` : ""}` : "";
      }
      default:
        return "";
    }
  }
}

function pulseTicks({ matched, unmatched_video: video, unmatched_recording: recording }) {
  return [
    ...matched.map(({ time, residual }) => ({
      time,
      kind: "matched",
      text: `pulse, residual ${(1000 * residual).toFixed(1)} ms`,
    })),
    ...video.map(({ time }) => ({ time, kind: "video", text: "pulse only in the video" })),
    ...recording.map(({ time }) => ({ time, kind: "recording", text: "pulse only in the recording" })),
  ];
}

function fitText(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  const letters = [...text];
  while (letters.length && pen.measureText(`${letters.join("")}…`).width > width) letters.pop();
  return `${letters.join("")}…`;
}
