// The time axis with everything on it: the plot, the lanes, the cursor and the loop. Click or drag seeks, the wheel zooms.

import { byId } from "./dom.js";
import { seconds } from "./format.js";
import { Lanes } from "./lanes.js";
import { GUTTER, Plot, RIGHT } from "./plot.js";

export class Timeline {
  constructor(parts) {
    Object.assign(this, { axis: parts.axis, player: parts.player, frames: parts.frames, store: parts.store, speech: parts.speech });
    this.place = byId("timeline");
    this.cursor = byId("cursor");
    this.shade = byId("loop-shade");
    this.tip = byId("tip");
    this.plot = new Plot(byId("plot"), parts);
    this.lanes = new Lanes(byId("lanes"), parts);
    this.player.moved.listen(() => this.follow());
    this.player.changed.listen(() => this.showCursor());
    this.axis.changed.listen(() => this.showCursor());
    new ResizeObserver(() => this.layOut()).observe(this.place);
    this.listen();
    this.layOut();
  }

  get inner() {
    return this.width - GUTTER - RIGHT;
  }

  layOut() {
    this.width = this.place.clientWidth;
    this.plot.resize(this.width, byId("plot").clientHeight);
    this.lanes.resize(this.width);
    this.showCursor();
  }

  listen() {
    this.place.addEventListener("pointerdown", (event) => this.press(event));
    this.place.addEventListener("pointermove", (event) => this.point(event));
    // The pointer may also leave without a word: a dialog opens over the axis, or the window loses it.
    for (const event of ["pointerleave", "pointercancel"]) this.place.addEventListener(event, () => this.hideTip());
    document.addEventListener("pointermove", (event) => this.place.contains(event.target) || this.hideTip());
    document.documentElement.addEventListener("mouseleave", () => this.hideTip());
    document.addEventListener("keydown", () => this.hideTip());
    window.addEventListener("blur", () => this.hideTip());
    this.place.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  timeAt(event) {
    const x = event.clientX - this.place.getBoundingClientRect().left;
    const share = Math.max(0, Math.min(1, (x - GUTTER) / this.inner));
    return this.axis.start + share * this.axis.span;
  }

  press(event) {
    if (event.button !== 0) return;
    const edge = byId("lanes").getBoundingClientRect();
    const [x, y] = [event.clientX - edge.left, event.clientY - edge.top];
    const trial = this.lanes.laneAt(y) === "trials" ? this.lanes.trialAt(x, y) : null;
    this.goTo(event);
    if (trial) this.store.select(trial.trial);
    this.place.setPointerCapture(event.pointerId);
    this.place.focus({ preventScroll: true });
    event.preventDefault();
  }

  /** Seek to the pointer; a loop that is left there ends. */
  goTo(event, options) {
    const { loop } = this.player;
    const frame = this.frames.atTime(this.timeAt(event));
    if (loop && (frame < loop[0] || frame > loop[1])) this.player.setLoop(null);
    this.player.seek(frame, options);
  }

  point(event) {
    if (event.buttons & 1 && this.place.hasPointerCapture(event.pointerId)) {
      this.goTo(event, { dragging: true });
      this.hideTip();
      return;
    }
    const edge = byId("lanes").getBoundingClientRect();
    const time = this.timeAt(event);
    const text = this.lanes.textAt(event.clientX - edge.left, event.clientY - edge.top, time);
    this.showTip(event, text ? `${seconds(time, 2)} · ${text}` : seconds(time, 2));
  }

  showTip(event, text) {
    const edge = this.place.getBoundingClientRect();
    this.tip.textContent = text;
    this.tip.hidden = false;
    const left = Math.min(event.clientX - edge.left + 12, edge.width - this.tip.offsetWidth - 4);
    this.tip.style.left = `${Math.max(0, left)}px`;
    this.tip.style.top = `${event.clientY - edge.top - 30}px`;
  }

  hideTip() {
    this.tip.hidden = true;
  }

  wheel(event) {
    event.preventDefault();
    const pixels = event.deltaMode === 0 ? 1 : 16;
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (sideways) this.axis.pan(((sideways * pixels) / this.inner) * this.axis.span);
    else this.axis.zoom(Math.exp(event.deltaY * pixels * 0.0015), this.timeAt(event));
  }

  follow() {
    if (this.player.playing) this.axis.keepInView(this.player.time);
    this.showCursor();
  }

  showCursor() {
    const { time, frame } = this.player;
    const x = this.lanes.x(time);
    this.cursor.hidden = !(x >= GUTTER - 1 && x <= this.width - RIGHT + 1);
    this.cursor.style.transform = `translateX(${x}px)`;
    if (!this.player.playing) this.tellValue(frame);
    this.showLoop();
  }

  /** The place in words, for a screen reader; not while it plays, when it would never end. */
  tellValue(frame) {
    this.place.setAttribute("aria-valuemax", String(this.frames.n - 1));
    this.place.setAttribute("aria-valuenow", String(frame));
    this.place.setAttribute("aria-valuetext", this.speech.sentence());
  }

  showLoop() {
    const { loop } = this.player;
    this.shade.hidden = loop === null;
    if (!loop) return;
    const [left, right] = loop.map((frame) =>
      Math.max(GUTTER, Math.min(this.width - RIGHT, this.lanes.x(this.frames.time[frame]))),
    );
    this.shade.style.left = `${left}px`;
    this.shade.style.width = `${Math.max(0, right - left)}px`;
  }
}
