// Where the reviewer is in the video: one frame, playing or not, in a loop or not.
// While it plays, the preview is shown; a stop shows the server's own picture of exactly that frame.

import { Signal } from "./signal.js";

const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2, 4];
const LEAST = 0.25; // s that a preview must go on from here to be played; at its very end a browser begins anew
const QUIET = 120; // ms without another seek before the exact picture of a dragged place is asked for

export class Player {
  constructor({ frames, proxy, pictures, video, hasVideo }) {
    Object.assign(this, { frames, proxy, pictures, video, hasVideo });
    this.frame = 0;
    this.playing = false;
    this.awaiting = false; // to play as soon as the preview reaches this place
    this.speed = 1;
    this.following = 0; // handle of the next call
    this.loop = null; // [first, last] frame
    this.shown = { kind: "none", frame: -1, address: "", text: "" };
    this.moved = new Signal();
    this.changed = new Signal();
    this.pictureChanged = new Signal();
    video.addEventListener("ended", () => this.atEnd());
    video.addEventListener("pause", () => this.playing && video.ended === false && this.stopped());
    video.addEventListener("seeked", () => this.previewShown());
    proxy.changed.listen(() => {
      if (this.awaiting) this.play();
      else if (this.playing && video.paused && !proxy.swapping) this.startVideo();
      this.previewShown();
    });
  }

  get time() {
    return this.frames.time[this.frame];
  }

  /** Go to a frame. While dragging, the exact picture waits until the hand rests. */
  seek(frame, { dragging = false } = {}) {
    this.setAwaiting(false);
    this.frame = this.frames.clip(frame);
    this.proxy.seek(this.frames.middle(this.frame));
    if (this.playing && !this.canPlayHere) this.awaitMore();
    else if (!this.playing) this.showExact(dragging ? QUIET : 0);
    this.moved.send(this.frame);
  }

  /** Whether the loaded preview goes on from here. */
  get canPlayHere() {
    const more = this.proxy.isWhole ? 0 : LEAST;
    return this.proxy.ready && this.frames.videoTime[this.frame] + more < this.proxy.end;
  }

  /** Stop here, and play on as soon as the preview has come so far. */
  awaitMore() {
    this.pause();
    this.setAwaiting(!this.proxy.error && this.frame < this.frames.n - 1);
  }

  seekTime(time, options) {
    this.seek(this.frames.atTime(time), options);
  }

  step(by) {
    this.pause();
    this.seek(this.frame + by);
  }

  toggle() {
    if (this.playing) this.pause();
    else if (this.awaiting) this.setAwaiting(false);
    else this.play();
  }

  setAwaiting(awaiting) {
    if (awaiting === this.awaiting) return;
    this.awaiting = awaiting;
    this.changed.send();
  }

  /** Play from here, or as soon as the preview has come so far. */
  play() {
    if (this.playing || !this.hasVideo) return;
    const [first, last] = this.loop ?? [0, this.frames.n - 1];
    if (this.frame < first || this.frame >= last) this.seek(first);
    const can = this.canPlayHere;
    this.setAwaiting(!can && !this.proxy.error);
    if (!can) return;
    this.playing = true;
    clearTimeout(this.waiting);
    this.pictures.forgetWish();
    this.show("playing", this.frame);
    this.startVideo();
    this.follow();
    this.changed.send();
  }

  /** Let the browser play. A longer preview that is loaded ends that, and is played as soon as it is there. */
  startVideo() {
    this.video.playbackRate = this.speed;
    this.video.play().catch((error) => error.name !== "AbortError" && this.stopped());
  }

  pause() {
    if (!this.playing) return;
    this.stopped();
    this.video.pause();
  }

  stopped() {
    this.playing = false;
    this.proxy.seek(this.frames.middle(this.frame));
    this.showExact(0);
    this.changed.send();
  }

  /** The loaded preview has ended. A browser need not present its last frames before it says so. */
  atEnd() {
    if (!this.playing) return;
    const whole = this.proxy.isWhole && !this.proxy.swapping;
    if (whole && this.loop) {
      this.seek(this.loop[0]);
      this.startVideo();
      return;
    }
    if (whole) {
      this.frame = this.frames.atVideoTime(this.proxy.here);
      this.moved.send(this.frame);
      this.stopped();
    } else this.awaitMore();
  }

  /** Follow the frames as the browser presents them, in one chain of calls. */
  follow() {
    this.video.cancelVideoFrameCallback(this.following);
    this.following = this.video.requestVideoFrameCallback((now, { mediaTime }) => {
      if (!this.playing) return;
      if (!this.video.seeking && !this.proxy.swapping)
        this.presented(this.frames.atVideoTime(mediaTime + this.proxy.state.offset));
      this.follow();
    });
  }

  presented(frame) {
    if (this.loop && (frame >= this.loop[1] || frame < this.loop[0] - 2)) {
      this.seek(this.loop[0]);
      return;
    }
    this.frame = frame;
    this.moved.send(frame);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.video.playbackRate = speed;
    this.changed.send();
  }

  changeSpeed(by) {
    const at = SPEEDS.indexOf(this.speed) + by;
    this.setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at))]);
  }

  /** Play only from frame `first` to frame `last`; null plays on. */
  setLoop(loop) {
    this.loop = loop && loop[1] > loop[0] ? loop.map((frame) => this.frames.clip(frame)) : null;
    this.changed.send();
  }

  /** Set one end of the loop here. */
  setLoopEnd(which) {
    const [first, last] = this.loop ?? [0, this.frames.n - 1];
    this.setLoop(
      which === 0
        ? [this.frame, last > this.frame ? last : this.frames.n - 1]
        : [first < this.frame ? first : 0, this.frame],
    );
  }

  showExact(delay) {
    if (!this.hasVideo) return;
    clearTimeout(this.waiting);
    const frame = this.frame;
    this.show("waiting", frame);
    this.waiting = setTimeout(() => {
      this.pictures.want(
        frame,
        (at, address) => !this.playing && at === this.frame && this.show("exact", at, { address }),
        (at, error) => !this.playing && at === this.frame && this.show("failed", at, { text: error.message }),
      );
    }, delay);
  }

  previewShown() {
    if (!this.playing && this.shown.kind === "waiting") this.pictureChanged.send(this.shown);
  }

  /** True if what the preview shows now is where the reviewer is. */
  get previewIsHere() {
    if (!this.proxy.ready || this.proxy.swapping || this.video.seeking || this.video.readyState < 2) return false;
    return this.frames.atVideoTime(this.proxy.here) === this.frame;
  }

  show(kind, frame, { address = "", text = "" } = {}) {
    this.shown = { kind, frame, address, text };
    this.pictureChanged.send(this.shown);
  }
}
