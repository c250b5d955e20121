// A clip: exact frames with their times, played on a canvas. How it is packed: enicfer/coding/clips.py.

const SHOWN_LAST = 0.1; // s for which the last frame stays before the clip begins again

/** The frames of a clip: [{at, picture}], at in s. */
export async function unpackClip(buffer) {
  const view = new DataView(buffer);
  const n = view.getUint32(0, true);
  let from = 4 + 8 * n;
  const frames = [];
  for (let i = 0; i < n; i += 1) {
    const size = view.getUint32(4 + 4 * n + 4 * i, true);
    const address = URL.createObjectURL(new Blob([new Uint8Array(buffer, from, size)], { type: "image/jpeg" }));
    const picture = new Image();
    picture.src = address;
    frames.push({ at: view.getFloat32(4 + 4 * i, true), picture, address });
    from += size;
  }
  await Promise.all(frames.map(({ picture }) => picture.decode()));
  return frames;
}

export function forgetClip(frames) {
  for (const { address } of frames) URL.revokeObjectURL(address);
}

export class ClipPlayer {
  constructor(canvas) {
    this.canvas = canvas;
    this.frames = [];
    this.playing = false;
  }

  load(frames) {
    this.stop();
    this.frames = frames;
    this.canvas.width = frames[0].picture.naturalWidth;
    this.canvas.height = frames[0].picture.naturalHeight;
    this.draw(0);
  }

  /** Play from the beginning, again and again in a loop; else `onEnd` is called at the end. */
  play({ loop = false, onEnd = () => {} } = {}) {
    this.playing = true;
    const first = this.frames[0].at;
    const length = this.frames.at(-1).at - first + SHOWN_LAST;
    const begin = performance.now() - 1000 * (loop ? this.reached - first : 0);
    const tick = (now) => {
      if (!this.playing) return;
      const gone = Math.max(0, (now - begin) / 1000);
      if (!loop && gone >= length) {
        this.stop();
        onEnd();
        return;
      }
      this.draw(this.frames.findLastIndex(({ at }) => at - first <= gone % length));
      this.next = requestAnimationFrame(tick);
    };
    this.next = requestAnimationFrame(tick);
  }

  stop() {
    this.playing = false;
    cancelAnimationFrame(this.next);
  }

  draw(i) {
    const { at, picture } = this.frames[Math.max(0, i)];
    this.reached = at;
    this.canvas.getContext("2d").drawImage(picture, 0, 0, this.canvas.width, this.canvas.height);
  }
}
