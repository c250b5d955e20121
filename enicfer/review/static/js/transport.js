// The buttons below the picture, and what plays how.

import { byId, el, fill } from "./dom.js";
import { percent, seconds } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  play: "M6 3l14 9-14 9z",
  pause: "M6 3h4v18H6zM14 3h4v18h-4z",
  back: "M16 3L4 12l12 9zM18 3h2v18h-2z",
  on: "M8 3l12 9-12 9zM4 3h2v18H4z",
  back10: "M12 3L3 12l9 9zM21 3l-9 9 9 9z",
  on10: "M12 3l9 9-9 9zM3 3l9 9-9 9z",
};

export class Transport {
  /** `keys` are those of the page; without `loops` there are no buttons for a loop. */
  constructor({ player, proxy, frames, keys = { slower: "J", faster: "L" }, loops = true }) {
    Object.assign(this, { player, proxy, frames });
    this.playButton = this.button("play", "Play or stop (Space)", () => player.toggle());
    this.speed = el("span", { class: "speed", role: "status" });
    this.loop = el("span", { class: "loop" });
    this.state = el("span", { id: "proxy-state" });
    const word = (text, title, act) =>
      el("button", { type: "button", title, "aria-label": title, onclick: act }, text);
    fill(
      byId("transport"),
      this.button("back10", "Ten frames back (Shift ←)", () => player.step(-10)),
      this.button("back", "One frame back (←)", () => player.step(-1)),
      this.playButton,
      this.button("on", "One frame on (→)", () => player.step(1)),
      this.button("on10", "Ten frames on (Shift →)", () => player.step(10)),
      word("slower", `Slower (${keys.slower})`, () => player.changeSpeed(-1)),
      this.speed,
      word("faster", `Faster (${keys.faster})`, () => player.changeSpeed(1)),
      loops ? word("[", "Begin the loop here ([)", () => player.setLoopEnd(0)) : null,
      loops ? word("]", "End the loop here (])", () => player.setLoopEnd(1)) : null,
      loops ? word("no loop", "Play on without a loop (Esc)", () => player.setLoop(null)) : null,
      this.loop,
      this.state,
    );
    player.changed.listen(() => this.show());
    proxy.changed.listen(() => this.show());
    this.show();
  }

  button(shape, title, act) {
    return el("button", { type: "button", class: "icon", title, "aria-label": title, onclick: act }, icon(shape));
  }

  show() {
    const { player, proxy } = this;
    fill(this.playButton, icon(player.playing || player.awaiting ? "pause" : "play"));
    this.playButton.disabled = !player.hasVideo || Boolean(proxy.error);
    this.speed.textContent = `${player.speed}×`;
    const times = player.loop?.map((frame) => this.frames.time[frame]);
    this.loop.textContent = times ? `loop ${times[0].toFixed(1)}–${seconds(times[1], 1)}` : "";
    this.state.textContent = this.state.title = this.proxyWords();
  }

  proxyWords() {
    const { state, error } = this.proxy;
    if (error) return `No preview to play: ${error}`;
    if (state.state === "ready" || !this.player.hasVideo) return "";
    const done = state.n_frames ? percent(state.frames_done / state.n_frames) : "0 %";
    return `making the preview: ${done}${this.player.awaiting ? ", then it plays" : ""}`;
  }
}

function icon(name) {
  const image = document.createElementNS(SVG, "svg");
  image.setAttribute("viewBox", "0 0 24 24");
  image.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  image.append(path);
  return image;
}
