// The preview video that the server makes of the run's video, and that the browser plays.

import { connection } from "./connection.js";
import { Signal } from "./signal.js";

const EVERY = 1000; // ms between looks while it grows
const AGAIN = 5; // times that a preview is loaded anew after an error
const AHEAD = 2; // s that must be left to play before a longer preview is loaded

export class Proxy {
  constructor(source, video) {
    this.source = source;
    this.video = video;
    this.state = { state: "none", version: 0, offset: 0, seconds_done: 0 };
    this.loaded = null;
    this.loading = false;
    this.swapping = false; // from another file until the browser seeks in it
    this.error = "";
    this.errors = 0;
    this.at = 0; // the video time that was asked for last
    this.going = 0; // the one that the browser is seeking
    this.changed = new Signal();
    video.addEventListener("seeked", () => this.seekedTo());
    video.addEventListener("error", () => this.broken());
  }

  get ready() {
    return this.loaded !== null;
  }

  /** Whether all of the preview is loaded. */
  get isWhole() {
    return this.state.state === "ready" && this.loaded === this.state.version;
  }

  /** The video time of what the browser shows. */
  get here() {
    return this.swapping ? this.at : this.video.currentTime + this.state.offset;
  }

  /** The video time up to which the loaded preview goes. */
  get end() {
    return this.ready && Number.isFinite(this.video.duration) ? this.video.duration + this.state.offset : -Infinity;
  }

  async start() {
    try {
      await this.source.makeProxy();
      await this.look();
    } catch (error) {
      if (!connection.waits(error, () => this.start())) this.fail(error.message);
    }
  }

  async look() {
    try {
      this.state = await this.source.proxy();
    } catch (error) {
      if (!connection.waits(error, () => this.start())) this.fail(error.message);
      return;
    }
    if (this.state.state === "failed") {
      this.fail(this.state.error);
      return;
    }
    if (this.state.state === "ready" || this.state.version > 0) this.load(this.state);
    this.changed.send();
    if (!this.isWhole) setTimeout(() => this.look(), EVERY);
  }

  fail(sentence) {
    this.error = sentence;
    this.changed.send();
  }

  /** Whether a longer preview is of use now; to load one interrupts what plays. */
  get wantsMore() {
    if (!this.ready) return true;
    const place = this.video.paused ? this.at : this.here;
    return place > this.end - AHEAD || (this.video.paused && this.state.state === "ready");
  }

  async load({ state, version }) {
    if (version === this.loaded || this.loading || !this.wantsMore) return;
    this.loading = true;
    try {
      const blob = state === "ready" ? null : await this.source.proxySoFar(version);
      this.show(blob ? URL.createObjectURL(blob) : this.source.proxyAddress(version));
      this.loaded = version;
    } catch {
      // The next look tries again: what grows may have just become whole.
    }
    this.loading = false;
  }

  show(address) {
    if (!this.video.paused) this.at = this.here;
    if (this.video.src.startsWith("blob:")) URL.revokeObjectURL(this.video.src);
    this.swapping = true;
    this.video.src = address;
    this.video.addEventListener(
      "loadedmetadata",
      () => {
        this.go();
        this.swapping = false;
        this.changed.send();
      },
      { once: true },
    );
  }

  /** The browser cannot go on with what it has, such as a version of the preview that is no more. */
  broken() {
    if (!this.ready || !connection.isThere) return; // where the server is away, its return loads anew
    this.errors += 1;
    if (this.errors > AGAIN) this.fail("The browser cannot play it.");
    else setTimeout(() => this.loadAnew(), EVERY);
  }

  /** Load the preview that there is now; what played plays on. */
  loadAnew() {
    this.loaded = null;
    this.swapping = false;
    this.start();
  }

  /** Show the picture of this video time; while the browser is still seeking, the last wish waits. */
  seek(videoTime) {
    this.at = videoTime;
    if (this.ready && !this.swapping && !this.video.seeking && this.video.readyState >= 1) this.go();
  }

  go() {
    this.going = this.at;
    const wanted = Math.max(0, this.at - this.state.offset);
    if (Math.abs(this.video.currentTime - wanted) > 1e-4) this.video.currentTime = wanted;
  }

  seekedTo() {
    if (this.at !== this.going) this.go();
  }
}
