// The picture with the participant's box, and a mark that says whether it is the exact frame.

import { statusColor } from "./colors.js";
import { byId } from "./dom.js";
import { percent, words } from "./format.js";

const LABEL_FONT = '600 12.5px system-ui, "Segoe UI", "Noto Sans", sans-serif';
const OTHER_FONT = '11px system-ui, "Segoe UI", "Noto Sans", sans-serif';
const MARKS = {
  exact: "exact frame",
  playing: "preview, playing",
  preview: "preview, not the exact frame",
  loading: "waiting for the frame",
  failed: "no picture",
  none: "",
};

export class Stage {
  constructor({ info, frames, others, player, statuses, values }) {
    Object.assign(this, { info, frames, others, player, statuses, values });
    this.box = byId("picture");
    this.video = byId("video");
    this.image = byId("exact");
    this.canvas = byId("overlay");
    this.mark = byId("picture-mark");
    this.place = { left: 0, top: 0, width: 1, height: 1, scale: 1 };
    this.aim = null; // {x, y} in px of the picture, while the reviewer points
    player.moved.listen(() => this.draw());
    values.arrived.listen(() => this.draw());
    player.pictureChanged.listen(() => this.showPicture());
    new ResizeObserver(() => this.layOut()).observe(this.box);
    if (info.video.state !== "there") {
      byId("no-picture").textContent = info.video.text || "There is no video of this run here.";
      byId("no-picture").hidden = false;
    }
  }

  /** Width in px of the screen that a picture fills. */
  pictureWidth() {
    return Math.max(32, Math.min(4096, Math.ceil(this.place.width * devicePixelRatio)));
  }

  layOut() {
    const { clientWidth, clientHeight } = this.box;
    const [width, height] = [this.info.video.width ?? 16, this.info.video.height ?? 9];
    const scale = Math.min(clientWidth / width, clientHeight / height);
    this.place = {
      scale,
      width: width * scale,
      height: height * scale,
      left: (clientWidth - width * scale) / 2,
      top: (clientHeight - height * scale) / 2,
    };
    for (const element of [this.video, this.image]) {
      for (const side of ["left", "top", "width", "height"]) element.style[side] = `${this.place[side]}px`;
    }
    this.canvas.width = Math.round(clientWidth * devicePixelRatio);
    this.canvas.height = Math.round(clientHeight * devicePixelRatio);
    this.draw();
  }

  async showPicture() {
    const shown = this.player.shown;
    if (shown.kind === "exact" && this.image.dataset.frame !== String(shown.frame)) {
      this.image.src = shown.address;
      try {
        await this.image.decode();
      } catch {
        // Another picture was put in its place; its own call goes on.
      }
      if (this.player.shown !== shown) return;
      this.image.dataset.frame = String(shown.frame);
    }
    const kind = shown.kind === "waiting" ? (this.player.previewIsHere ? "preview" : "loading") : shown.kind;
    this.box.dataset.shows = kind;
    this.box.dataset.frame = String(shown.kind === "playing" ? this.player.frame : shown.frame);
    this.mark.textContent = MARKS[kind];
    byId("picture-text").textContent = shown.kind === "failed" ? shown.text : "";
    if (kind !== "exact") this.image.dataset.frame = "";
    // An image that has nothing yet is drawn as a broken one.
    this.image.hidden = !this.image.src || ["playing", "preview", "failed"].includes(kind);
  }

  /** Where a point of the page lies in the picture, in px of the upright picture. */
  pointAt(clientX, clientY) {
    const edge = this.box.getBoundingClientRect();
    const x = (clientX - edge.left - this.place.left) / this.place.scale;
    const y = (clientY - edge.top - this.place.top) / this.place.scale;
    const inside = x >= 0 && y >= 0 && x < this.info.video.width && y < this.info.video.height;
    return inside ? { x, y } : null;
  }

  draw() {
    const pen = this.canvas.getContext("2d");
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const frame = this.player.frame;
    for (const { box, name } of this.others.of(frame)) this.drawOther(pen, this.edges(box), name);
    const box = this.frames.box(frame);
    if (box) this.drawFollowed(pen, this.edges(box), frame);
    if (this.aim) this.drawAim(pen);
  }

  /** [left, top, width, height] on the screen of a box in the picture. */
  edges([left, top, right, bottom]) {
    const { place } = this;
    return [
      place.left + left * place.scale,
      place.top + top * place.scale,
      (right - left) * place.scale,
      (bottom - top) * place.scale,
    ];
  }

  /** The participant's face: a thick line, broken where the frame is not valid. */
  drawFollowed(pen, edges, frame) {
    const name = this.statuses[this.frames.status[frame]] ?? "";
    outline(pen, edges, { color: statusColor(name, "#101418", 6), width: 2.5, dash: name === "ok" ? [] : [6, 4] });
    this.drawLabel(pen, this.label(frame, name), edges, LABEL_FONT);
  }

  /** The face of somebody else: a thin white line. */
  drawOther(pen, edges, name) {
    outline(pen, edges, { color: "#ffffff", width: 1, dash: [] });
    this.drawLabel(pen, name.startsWith("other") ? name : "whose face?", edges, OTHER_FONT);
  }

  /** The status, or for a valid frame its expression. */
  label(frame, name) {
    if (name !== "ok") return statusWords(this.statuses, this.frames.status[frame]);
    const values = Object.entries(this.values.at(this.frames.time[frame]) ?? {});
    const [most] = values.sort((a, b) => b[1] - a[1]);
    return most ? `${most[0]} ${percent(most[1])}` : "";
  }

  drawLabel(pen, text, [x, y, width, height], font) {
    if (!text) return;
    pen.font = font;
    const wide = pen.measureText(text).width + 10;
    const top = y >= 20 ? y - 20 : y + height + 2;
    const left = Math.max(0, Math.min(this.box.clientWidth - wide, x - 1));
    pen.fillStyle = "#101418d9";
    pen.fillRect(left, top, wide, 18);
    pen.fillStyle = "#ffffff";
    pen.textBaseline = "middle";
    pen.fillText(text, left + 5, top + 9.5);
  }

  drawAim(pen) {
    const { left, top, width, height, scale } = this.place;
    const [x, y] = [left + this.aim.x * scale, top + this.aim.y * scale];
    for (const [color, thick] of [
      ["#000000", 3],
      ["#ffd84d", 1.5],
    ]) {
      pen.strokeStyle = color;
      pen.lineWidth = thick;
      pen.beginPath();
      pen.moveTo(left, y);
      pen.lineTo(left + width, y);
      pen.moveTo(x, top);
      pen.lineTo(x, top + height);
      pen.stroke();
    }
  }
}

/** A box with a dark line on either side of the coloured one, so that it is seen on any picture. */
function outline(pen, edges, { color, width, dash }) {
  pen.lineWidth = width + 2;
  pen.strokeStyle = "#000000aa";
  pen.strokeRect(...edges);
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.strokeStyle = color;
  pen.strokeRect(...edges);
  pen.setLineDash([]);
}

/** The status of a frame in words: "no face". */
export function statusWords(statuses, number) {
  return statuses[number] === "ok" ? "valid" : words(statuses[number] ?? `status ${number}`);
}
