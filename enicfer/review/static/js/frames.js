// The frames of a run on both clocks. Times are seconds; NaN is unknown.

export class FrameTable {
  constructor({ n, bytes }) {
    const part = (type, count, offset) => new type(bytes.slice(offset, offset + count * type.BYTES_PER_ELEMENT));
    this.n = n;
    this.videoTime = part(Float64Array, n, 0);
    this.time = part(Float64Array, n, 8 * n);
    this.bound = part(Float32Array, n, 16 * n);
    this.status = part(Uint8Array, n, 20 * n);
    this.boxes = part(Float32Array, 4 * n, 21 * n);
    this.timed = increasing(this.time);
  }

  /** [left, top, right, bottom] in px of the upright picture, or null. */
  box(frame) {
    const box = [...this.boxes.subarray(4 * frame, 4 * frame + 4)];
    return box.every(Number.isFinite) ? box : null;
  }

  /** In how many frames the participant's face is. */
  get nFollowed() {
    let n = 0;
    for (let frame = 0; frame < this.n; frame += 1) n += Number.isFinite(this.boxes[4 * frame]) ? 1 : 0;
    return n;
  }

  clip(frame) {
    return Math.max(0, Math.min(this.n - 1, Math.round(frame)));
  }

  /** The frame that a player shows at this video time: the last one that has begun. */
  atVideoTime(videoTime) {
    return this.clip(lastNotAfter(this.videoTime, videoTime + 1e-6, this.n));
  }

  /** The frame nearest to a time of the recording. */
  atTime(time) {
    const { frames, times } = this.timed;
    if (!frames.length) return 0;
    const before = Math.max(0, lastNotAfter(times, time, times.length));
    const after = Math.min(before + 1, times.length - 1);
    return frames[Math.abs(times[after] - time) < Math.abs(times[before] - time) ? after : before];
  }

  /** The first frame that begins at or after a time of the recording. */
  from(time) {
    const { frames, times } = this.timed;
    if (!frames.length) return 0;
    return frames[Math.min(times.length - 1, lastNotAfter(times, time - 1e-9, times.length) + 1)];
  }

  /** The middle of a frame on the video's clock, where a player is sure to show it. */
  middle(frame) {
    const start = this.videoTime[frame];
    const next = frame + 1 < this.n ? this.videoTime[frame + 1] : start + 0.02;
    return start + Math.min(0.02, Math.max(0, next - start) / 2);
  }
}

/** Index of the last value that is not after `wanted`, or -1. */
export function lastNotAfter(values, wanted, n) {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function increasing(time) {
  const frames = [];
  const times = [];
  let last = -Infinity;
  for (let frame = 0; frame < time.length; frame += 1) {
    if (time[frame] > last) {
      last = time[frame];
      frames.push(frame);
      times.push(last);
    }
  }
  return { frames, times };
}
