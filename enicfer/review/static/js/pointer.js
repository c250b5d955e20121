// Pointing at a face in the picture, by mouse or by keyboard.

import { announce, byId, el, fill } from "./dom.js";
import { formIsOpen, holdFocus, holdPlayer } from "./forms.js";
import { KINDS } from "./panel_face.js";

const STEP = 0.02; // of the picture's width for one press of an arrow

export class Pointer {
  constructor({ stage, player, store, info }) {
    Object.assign(this, { stage, player, store, info });
    this.kind = null;
    this.help = byId("aim-help");
    stage.box.addEventListener("pointermove", (event) => this.move(event));
    stage.box.addEventListener("click", (event) => this.click(event));
    document.addEventListener("keydown", (event) => this.key(event), true);
  }

  start(kind) {
    if (this.store.readOnly || this.info.video.state !== "there") {
      announce(
        this.store.readOnly ? "This review is read-only: nothing is stored." : "There is no picture to point in.",
        true,
      );
      return;
    }
    if (!this.kind) [this.goOn, this.giveFocus] = [holdPlayer(this.player), holdFocus(byId("timeline"))];
    this.kind = kind;
    const { width, height } = this.info.video;
    this.stage.aim ??= { x: width / 2, y: height / 2 };
    byId("stage").classList.add("aiming");
    this.help.hidden = false;
    byId("timeline").focus({ preventScroll: true });
    fill(
      this.help,
      el(
        "label",
        {},
        el("span", {}, "Click on a face, or move with the arrows and press Enter. ", this.store.review.at_stake.text),
        el(
          "select",
          {
            id: "aim-kind",
            "aria-label": "What the point says",
            onchange: (event) => {
              this.kind = event.target.value;
              byId("timeline").focus({ preventScroll: true });
            },
          },
          Object.entries(KINDS).map(([name, { says }], i) =>
            el("option", { value: name, selected: name === kind }, `${i + 1} ${says}`),
          ),
        ),
      ),
      el("button", { type: "button", onclick: () => this.cancel() }, "Cancel ", el("kbd", {}, "Esc")),
    );
    const stake = this.store.review.at_stake.text;
    announce(`Arrows move, Enter stores, Escape ends; 1 2 3 choose what the point says. ${stake}`.trim());
    this.stage.draw();
  }

  stop() {
    if (!this.kind) return;
    this.kind = null;
    this.stage.aim = null;
    byId("stage").classList.remove("aiming");
    this.help.hidden = true;
    this.stage.draw();
    this.giveFocus();
  }

  /** Point at nobody; what played goes on. */
  cancel() {
    this.stop();
    this.goOn();
  }

  move(event) {
    if (!this.kind) return;
    const at = this.stage.pointAt(event.clientX, event.clientY);
    if (!at) return;
    this.stage.aim = at;
    this.stage.draw();
  }

  click(event) {
    if (!this.kind) {
      if (!formIsOpen()) this.player.toggle();
      return;
    }
    const at = this.stage.pointAt(event.clientX, event.clientY);
    if (!at) return;
    this.stage.aim = at;
    this.send();
  }

  key(event) {
    if (!this.kind || event.altKey || event.ctrlKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("#aim-help") && event.key !== "Escape") return;
    const kind = Object.keys(KINDS)[event.key - 1];
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) this.nudge(way, event.shiftKey ? 5 : 1);
    else if (kind) byId("aim-kind").value = this.kind = kind;
    else if (event.key === "Enter") this.send();
    else if (event.key === "Escape") this.cancel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  nudge([right, down], times) {
    const { width, height } = this.info.video;
    const by = STEP * width * times;
    const { x, y } = this.stage.aim;
    this.stage.aim = {
      x: Math.max(0, Math.min(width - 1, x + right * by)),
      y: Math.max(0, Math.min(height - 1, y + down * by)),
    };
    this.stage.draw();
  }

  async send() {
    if (this.stage.box.dataset.shows !== "exact") {
      announce("Not stored. Wait for the exact frame, and point again.", true);
      return;
    }
    const { x, y } = this.stage.aim;
    const kind = this.kind;
    const entry = { kind, frame: this.player.frame, x: Math.round(10 * x) / 10, y: Math.round(10 * y) / 10 };
    if (await this.store.post(entry, KINDS[kind].done)) this.stop();
  }
}
