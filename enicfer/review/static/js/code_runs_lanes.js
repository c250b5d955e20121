// The time axis of continuous coding: one lane for each category, and their stretches, whose edges can be dragged.

import { byId } from "./dom.js";
import { minutes } from "./format.js";
import { wordOf } from "./code_runs_store.js";

const GUTTER = 128; // px for the names
const RIGHT = 10;
const LANE = 20;
const SCALE = 20; // px for the times
const NEAR = 6; // px from an edge within which it is taken
const COLORS = ["#3b7ea1", "#b8742f", "#5f8a4e", "#8a5f96", "#a8504c", "#4e8c8a", "#8c7a3a", "#6a7482", "#9a5f7c"];
const CANNOT_COLOR = "#8b8f94";
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600];

export function colorOf(book, word) {
  const at = book.categories.findIndex(({ name }) => name === word);
  return at < 0 ? CANNOT_COLOR : COLORS[at % COLORS.length];
}

export class CodeLanes {
  constructor({ axis, player, frames, store, book }) {
    Object.assign(this, { axis, player, frames, store, book });
    this.place = byId("timeline");
    this.canvas = byId("lanes");
    this.names = [...book.categories.map(({ name }) => name), "cannot be coded"];
    this.drag = null; // {code, edge, frame}
    this.canvas.style.height = `${this.names.length * LANE + SCALE}px`;
    for (const signal of [axis.changed, store.changed, player.moved]) signal.listen(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerup", () => this.release());
    this.canvas.addEventListener("pointercancel", () => (this.drag = null));
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.draw();
  }

  get inner() {
    return this.place.clientWidth - GUTTER - RIGHT;
  }

  xOf(time) {
    return GUTTER + ((time - this.axis.start) / this.axis.span) * this.inner;
  }

  /** Time of a frame; of the one after the last, the end. */
  timeOf(frame) {
    return frame < this.frames.n ? this.frames.time[frame] : this.axis.last;
  }

  timeAt(event) {
    const share = (event.offsetX - GUTTER) / this.inner;
    return this.axis.start + Math.max(0, Math.min(1, share)) * this.axis.span;
  }

  laneOf(code) {
    const at = this.names.indexOf(code.category);
    return at < 0 ? this.names.length - 1 : at;
  }

  /** What lies under the pointer: {code, edge}, where edge is null within a stretch. */
  hit({ offsetX: x, offsetY: y }) {
    const lane = Math.floor(y / LANE);
    const own = this.store.codes.filter((code) => this.laneOf(code) === lane);
    const found = own.flatMap((code) => {
      const [from, to] = [this.xOf(this.timeOf(code.frame)), this.xOf(this.timeOf(code.end_frame ?? code.frame))];
      const edges = [{ code, edge: "frame", far: Math.abs(x - from) }];
      if (code.kind === "interval") edges.push({ code, edge: "end_frame", far: Math.abs(x - to) });
      if (code.kind === "interval" && x > from && x < to) edges.push({ code, edge: null, far: NEAR });
      return edges;
    });
    return found.filter(({ far }) => far <= NEAR).sort((a, b) => a.far - b.far)[0] ?? null;
  }

  press(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.place.focus({ preventScroll: true });
    event.preventDefault();
    const found = this.hit(event);
    this.store.select(found?.code.id ?? null);
    this.player.pause();
    this.drag = { code: found?.code, edge: found?.edge ?? null, frame: null };
    if (!this.drag.edge) this.player.seek(this.frames.atTime(this.timeAt(event)), { dragging: true });
  }

  point(event) {
    if (!this.drag) {
      this.canvas.style.cursor = this.hit(event)?.edge ? "ew-resize" : "crosshair";
      return;
    }
    const frame = this.frames.atTime(this.timeAt(event));
    const { code, edge } = this.drag;
    if (edge) this.drag.frame = this.store.reach(code, edge, frame);
    this.player.seek(Math.min(edge ? this.drag.frame : frame, this.frames.n - 1), { dragging: true });
  }

  release() {
    const { code, edge, frame } = this.drag ?? {};
    this.drag = null;
    if (edge && frame !== null) this.store.move(code, edge, frame);
  }

  wheel(event) {
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
      this.axis.pan(((event.deltaX || event.deltaY) / 1000) * this.axis.span);
    else this.axis.zoom(event.deltaY < 0 ? 0.8 : 1.25, this.timeAt(event));
  }

  draw() {
    const width = this.place.clientWidth;
    const height = this.names.length * LANE + SCALE;
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    const pen = this.canvas.getContext("2d");
    pen.scale(devicePixelRatio, devicePixelRatio);
    const look = getComputedStyle(document.documentElement);
    const [ink, soft, line] = ["--ink", "--soft", "--line"].map((name) => look.getPropertyValue(name).trim());
    pen.font = '12.5px system-ui, "Segoe UI", "Noto Sans", sans-serif';
    pen.textBaseline = "middle";
    this.names.forEach((name, i) => {
      pen.fillStyle = line;
      pen.fillRect(0, (i + 1) * LANE - 1, width, 1);
      pen.fillStyle = i === this.names.length - 1 ? soft : ink;
      pen.fillText(name, 10, i * LANE + LANE / 2, GUTTER - 18);
    });
    pen.save();
    pen.beginPath();
    pen.rect(GUTTER, 0, this.inner, height);
    pen.clip();
    this.drawTimes(pen, height, soft, line);
    for (const code of this.store.codes) this.drawCode(pen, code, ink);
    for (const [word, from] of this.store.open) this.drawOpen(pen, word, from);
    pen.restore();
    this.showCursor();
  }

  drawTimes(pen, height, soft, line) {
    const step = STEPS.find((one) => (one / this.axis.span) * this.inner > 70) ?? 1200;
    for (let at = Math.ceil(this.axis.start / step) * step; at <= this.axis.stop; at += step) {
      const x = this.xOf(at);
      pen.fillStyle = line;
      pen.fillRect(x, 0, 1, height - SCALE);
      pen.fillStyle = soft;
      pen.fillText(minutes(at, step < 1 ? 1 : 0), x + 3, height - SCALE / 2);
    }
  }

  drawCode(pen, stored, ink) {
    const dragged = this.drag?.code?.id === stored.id && this.drag.frame !== null;
    const code = dragged ? { ...stored, [this.drag.edge]: this.drag.frame } : stored;
    const top = this.laneOf(code) * LANE + 3;
    const from = this.xOf(this.timeOf(code.frame));
    pen.fillStyle = colorOf(this.book, wordOf(code));
    const isSelected = code.id === this.store.selected;
    if (code.kind === "point") {
      pen.beginPath();
      pen.arc(from, top + (LANE - 7) / 2, isSelected ? 7 : 5, 0, 2 * Math.PI);
      pen.fill();
    } else {
      const wide = Math.max(2, this.xOf(this.timeOf(code.end_frame)) - from);
      pen.fillRect(from, top, wide, LANE - 7);
      if (isSelected) {
        pen.strokeStyle = ink;
        pen.lineWidth = 2;
        pen.strokeRect(from, top - 1, wide, LANE - 5);
      }
      if (code.apex_frame !== undefined) {
        const x = this.xOf(this.timeOf(code.apex_frame));
        pen.fillStyle = ink;
        pen.fillRect(x - 1, top - 2, 3, LANE - 3);
      }
    }
  }

  drawOpen(pen, word, first) {
    const top = this.laneOf({ category: word }) * LANE + 3;
    const [from, to] = [first, this.player.frame].map((frame) => this.xOf(this.timeOf(frame)));
    pen.fillStyle = colorOf(this.book, word);
    pen.globalAlpha = 0.55;
    pen.fillRect(from, top, Math.max(2, to - from), LANE - 7);
    pen.globalAlpha = 1;
    pen.fillRect(from, top, 2, LANE - 7);
  }

  showCursor() {
    const x = this.xOf(this.player.time);
    const cursor = byId("cursor");
    cursor.hidden = x < GUTTER - 1 || x > GUTTER + this.inner + 1;
    cursor.style.transform = `translateX(${x}px)`;
    this.place.setAttribute("aria-valuenow", this.player.frame);
    this.place.setAttribute("aria-valuemax", this.frames.n - 1);
    this.place.setAttribute("aria-valuetext", `frame ${this.player.frame}, ${minutes(this.player.time)}`);
  }
}
