// How the clocks were tied together, and three pulses as strips of frames, so that a person sees the LED come on.

import { byId, el, fill, nameOf } from "./dom.js";
import { count, milliseconds, seconds } from "./format.js";
import { Thumbnails } from "./thumbnails.js";

const SVG = "http://www.w3.org/2000/svg";
const WORDS = {
  good: "The clocks are well tied.",
  fair: "The clocks are tied, with some doubt.",
  poor: "The clocks are poorly tied.",
  none: "The clocks are not tied.",
};
const REGION_PADDING = 1.5; // of the LED's region around it

export class ClockPanel {
  constructor({ pulses, player, source, info }) {
    Object.assign(this, { pulses, player, source, info });
    this.place = byId("panel-clock");
    this.pictures = new Thumbnails(source);
    fill(this.place, this.verdict(), this.facts(), this.residuals(), this.strips());
  }

  strips() {
    const there = this.info.video.state === "there";
    const strips = there ? this.pulses.strips : [];
    const title = strips.length
      ? `${count(strips.length, "pulse")}, frame by frame`
      : `No pulses to look at${there || !this.pulses.matched.length ? "" : " without the video"}`;
    return el(
      "section",
      { "aria-label": "Pulses in the video" },
      el("div", { class: "strips-title" }, el("h3", {}, title), this.pictures.progress),
      this.pictures.failures,
      strips.map((strip) => this.strip(strip)),
    );
  }

  verdict() {
    const { verdict, text, notes, matched, source } = this.pulses;
    const said = matched.length ? null : [" ", nameOf(text)]; // else the facts below say it
    return el(
      "section",
      {},
      el("p", { class: `clock-verdict ${verdict}` }, el("strong", {}, WORDS[verdict] ?? verdict), said ?? ` Pulses from: ${source}.`),
      notes.map((note) => el("p", { class: "soft" }, nameOf(note))),
    );
  }

  facts() {
    const { matched, unmatched_video: video, unmatched_recording: recording, ...rest } = this.pulses;
    const rows = [
      ["on both clocks", String(matched.length)],
      ["residual", milliseconds(rest.residual_rms)],
      ["only in the video", String(video.length)],
      ["map", `± ${milliseconds(rest.max_uncertainty)}`],
      ["only in the recording", String(recording.length)],
      ["one frame", `± ${milliseconds(rest.max_frame_uncertainty)}`],
      ["camera's drift (+ is too fast)", rest.drifts.length ? rest.drifts.join(", then ") : "not measured", "wide"],
    ];
    return el(
      "dl",
      { class: "facts", title: "± are the largest 95 % bounds; that of one frame has the jitter of its stamp too" },
      rows.map(([name, value, kind = ""]) =>
        el("div", { class: kind }, el("dt", {}, name), el("dd", {}, nameOf(value))),
      ),
    );
  }

  /** Residuals over time; a click goes to the pulse. */
  residuals() {
    const { matched } = this.pulses;
    if (!matched.length) return null;
    const [width, height] = [400, 44];
    const most = Math.max(0.001, ...matched.map(({ residual }) => Math.abs(residual)));
    const { start, stop } = this.info;
    const chart = shape("svg", {
      viewBox: `0 0 ${width} ${height}`,
      class: "residuals",
      role: "img",
      "aria-label": `Residuals of ${count(matched.length, "pulse")}, at most ${milliseconds(most)}`,
    });
    chart.append(shape("line", { x1: 0, x2: width, y1: height / 2, y2: height / 2, class: "zero" }));
    for (const { time, residual, frame } of matched) {
      const dot = shape("circle", {
        cx: ((time - start) / (stop - start)) * width,
        cy: height / 2 - (residual / most) * (height / 2 - 6),
        r: 3.5,
        class: "dot",
      });
      const title = shape("title", {});
      title.textContent = `${seconds(time, 2)}: ${milliseconds(residual)}`;
      dot.append(title);
      dot.addEventListener("click", () => this.go(frame));
      chart.append(dot);
    }
    return el(
      "figure",
      {},
      el("figcaption", { class: "soft" }, `Residuals over time, ± ${milliseconds(most)}`),
      chart,
    );
  }

  strip({ pulse, time, onset_frame: onset, frames }) {
    const { region } = this.pulses;
    const box = region ? this.around(region) : null;
    return el(
      "div",
      { class: "pulse" },
      el("p", { class: "soft" }, `Pulse ${pulse} at ${seconds(time)}: comes on in frame ${onset}`),
      el(
        "div",
        { class: "strip seven", role: "group", "aria-label": `Frames around pulse ${pulse}` },
        frames.map((frame) =>
          el(
            "button",
            {
              type: "button",
              class: frame === onset ? "face onset" : "face",
              "aria-label": frame === onset ? `Frame ${frame}, the onset` : `Frame ${frame}`,
              onclick: () => this.go(frame),
            },
            this.pictures.place(frame, { width: 160, box }),
            el("span", {}, String(frame)),
          ),
        ),
      ),
    );
  }

  /** A square around the region, moved so that it lies in the picture. */
  around([left, top, right, bottom]) {
    const { width, height } = this.info.video;
    const side = Math.min(width, height, (1 + REGION_PADDING) * Math.max(right - left, bottom - top, 8));
    const x = Math.max(0, Math.min(width - side, (left + right - side) / 2));
    const y = Math.max(0, Math.min(height - side, (top + bottom - side) / 2));
    return [x, y, x + side, y + side];
  }

  go(frame) {
    this.player.pause();
    this.player.seek(frame);
  }
}

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}
