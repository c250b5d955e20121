// The faces of everybody but the participant, frame by frame, as far as a record of all faces was kept.

const UNKNOWN = "a face seen too briefly to tell whose";
const BYTES = 21; // of a face: frame (int32), box (4 float32), whose (uint8)

export class OtherFaces {
  constructor({ known, bytes }) {
    const n = bytes.byteLength / BYTES;
    this.known = known;
    this.frame = new Int32Array(bytes.slice(0, 4 * n));
    this.boxes = new Float32Array(bytes.slice(4 * n, 20 * n));
    this.whose = new Uint8Array(bytes.slice(20 * n));
  }

  /** {box, name} of each other face in a frame; boxes are [left, top, right, bottom] in px of the upright picture. */
  of(frame) {
    const found = [];
    for (let i = firstNotBefore(this.frame, frame); this.frame[i] === frame; i += 1) {
      const name = this.whose[i] ? `other person ${this.whose[i]}` : UNKNOWN;
      found.push({ box: [...this.boxes.subarray(4 * i, 4 * i + 4)], name });
    }
    return found;
  }

  /** How many faces were seen too briefly to tell whose they are. */
  get nBrief() {
    return this.whose.filter((who) => who === 0).length;
  }

  /** The others in a frame, in words. */
  inWords(frame) {
    if (!this.known) return "not known";
    return (
      this.of(frame)
        .map(({ name }) => name)
        .join(", ") || "nobody"
    );
  }
}

/** Index of the first value that is not before `wanted`. */
function firstNotBefore(values, wanted) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
