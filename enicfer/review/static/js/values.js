// The numbers of the frame shown: index, both clocks, status, and a bar for each expression.

import { byId, el, fill } from "./dom.js";
import { onSchemeChange, pageColors, visible } from "./colors.js";
import { isNumber, milliseconds, minutes, percent, seconds } from "./format.js";
import { statusWords } from "./stage.js";

export class Values {
  constructor({ info, frames, others, player, values, statuses }) {
    Object.assign(this, { info, frames, others, player, values, statuses });
    this.bars = new Map(info.labels.map((label) => [label, this.makeBar(label)]));
    fill(
      byId("bars"),
      [...this.bars.values()].map(({ row }) => row),
    );
    const map = info.clock.max_uncertainty;
    byId("map-bound").textContent = isNumber(map) ? `± ${milliseconds(map)}` : "not known";
    showLegend(others.known);
    player.moved.listen(() => this.show());
    values.arrived.listen(() => this.show());
    this.paint();
    onSchemeChange(() => this.paint());
  }

  makeBar(label) {
    const value = el("span", { class: "bar-value" });
    const fillElement = el("span", { class: "bar-fill" });
    const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
    const row = el(
      "div",
      { class: "bar" },
      el("span", { class: "bar-name" }, swatch, label),
      value,
      el("span", { class: "bar-track" }, fillElement),
    );
    return { row, swatch, value, fillElement };
  }

  paint() {
    const { paper } = pageColors();
    for (const [label, { swatch, fillElement }] of this.bars) {
      const color = visible(this.info.colors[label] ?? "#808080", paper);
      swatch.style.background = color;
      fillElement.style.background = color;
    }
  }

  show() {
    const { frames, player } = this;
    const frame = player.frame;
    const time = frames.time[frame];
    byId("frame-number").textContent = `${frame} of ${frames.n - 1}`;
    byId("video-time").textContent = seconds(frames.videoTime[frame]);
    byId("recording-time").textContent = isNumber(time) ? seconds(time) : "unknown";
    byId("frame-bound").textContent = isNumber(time) ? `± ${milliseconds(frames.bound[frame])}` : "not known";
    byId("recording-minutes").textContent = isNumber(time) && Math.abs(time) >= 60 ? `(${minutes(time)})` : "";
    const status = this.statuses[frames.status[frame]];
    const place = byId("frame-status");
    place.textContent = statusWords(this.statuses, frames.status[frame]);
    place.classList.toggle("bad", status !== "ok");
    byId("frame-others").textContent = this.others.inWords(frame);
    this.showBars(this.values.at(time));
  }

  showBars(values) {
    let [most, dominant] = [-1, ""];
    for (const [label, { row, value, fillElement }] of this.bars) {
      const share = values?.[label];
      value.textContent = isNumber(share) ? percent(share) : "–";
      fillElement.style.width = isNumber(share) ? `${100 * share}%` : "0";
      if (isNumber(share) && share > most) [most, dominant] = [share, label];
      row.classList.remove("most");
    }
    if (dominant) this.bars.get(dominant).row.classList.add("most");
    byId("frame-expression").textContent = dominant ? `${dominant} ${percent(most)}` : "no expression";
  }
}

/** What each kind of box in the picture means. */
function showLegend(othersKnown) {
  const row = (kind, text) => el("li", {}, el("span", { class: `box ${kind}`, "aria-hidden": "true" }), text);
  fill(
    byId("legend"),
    row("followed", "participant"),
    row("followed invalid", "participant, not valid"),
    othersKnown ? row("other", "other faces") : el("li", {}, "Other people: no record of all faces was kept."),
  );
}
