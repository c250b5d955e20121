// Small pictures in a panel: asked for one after the other while the panel is open; each place says what it waits for.

import { connection } from "./connection.js";
import { el } from "./dom.js";
import { count } from "./format.js";

const WORDS = { waiting: "waits", loading: "loading", failed: "no picture", ready: "" };

export class Thumbnails {
  constructor(source) {
    this.source = source;
    this.queue = [];
    this.open = false;
    this.busy = false;
    this.said = new Map(); // sentence -> frames that have no picture because of it
    this.failures = el("p", { class: "bad", role: "status" });
    this.asked = 0;
    this.bar = el("progress", { "aria-label": "Pictures loaded", max: 1, value: 0 });
    this.words = el("span", {});
    this.progress = el("p", { class: "soft pictures-progress", hidden: true }, this.bar, " ", this.words);
  }

  /** A place for the picture of a frame; its turn comes after those before it. */
  place(frame, options) {
    const image = el("img", { alt: "", hidden: true });
    const word = el("span", { class: "thumb-word" });
    const place = el("span", { class: "thumb" }, image, word);
    const tell = (state) => {
      place.dataset.state = state;
      word.textContent = WORDS[state];
    };
    tell("waiting");
    this.queue.push({ frame, options, image, tell });
    this.asked += 1;
    return place;
  }

  /** Load while the panel is looked at. */
  show(open) {
    this.open = open;
    if (open && !this.busy) this.work();
  }

  async work() {
    this.busy = true;
    while (this.open && this.queue.length) {
      this.tellProgress();
      const [item] = this.queue;
      item.tell("loading");
      try {
        await this.load(item);
        item.tell("ready");
      } catch (error) {
        item.tell("waiting");
        if (connection.waits(error, () => this.show(this.open))) break;
        item.tell("failed");
        this.tellFailure(item.frame, error.message);
      }
      this.queue.shift();
    }
    this.tellProgress();
    this.busy = false;
  }

  tellProgress() {
    const done = this.asked - this.queue.length;
    this.progress.hidden = !this.queue.length;
    this.bar.max = this.asked;
    this.bar.value = done;
    this.words.textContent = `${done} of ${count(this.asked, "picture")}`;
  }

  async load({ frame, options, image }) {
    image.src = URL.createObjectURL(await this.source.picture(frame, options));
    await image.decode();
    image.hidden = false;
  }

  tellFailure(frame, sentence) {
    this.said.set(sentence, [...(this.said.get(sentence) ?? []), frame]);
    const lines = [...this.said].map(
      ([why, frames]) => `No picture of frame${frames.length > 1 ? "s" : ""} ${frames.join(", ")}: ${why}`,
    );
    this.failures.textContent = lines.join(" ");
  }
}
