// The stretches and instants of one run as the server has stored them, and those that have begun and not ended.
// Frames: a stretch goes from `frame` to `end_frame`, which is the first one after it.

import { announce } from "./dom.js";
import { Signal } from "./signal.js";

export const CANNOT = "cannot be coded";
const RETRIED = ["gone", "no_token", "disk"]; // kinds of errors that pass

export class RunCodes {
  constructor(source, book, n, codes) {
    Object.assign(this, { source, book, n });
    this.open = new Map(); // word -> first frame
    this.selected = null; // id
    this.changed = new Signal();
    this.stored = Promise.resolve();
    this.pending = 0;
    this.waiting = []; // what is to be stored again
    this.hold(codes);
  }

  hold(codes) {
    this.codes = codes.filter(({ kind }) => kind !== "watched");
    this.watched = codes.some(({ kind }) => kind === "watched");
    if (!this.codes.some(({ id }) => id === this.selected)) this.selected = null;
  }

  /**
   * Store something after all that was said before; true once the server has it on its disk. `make` gives the content
   * when all before it is stored, or null for nothing.
   */
  post(make, sentence = "") {
    this.retry();
    return this.send(make, sentence);
  }

  /** Store again what could not be stored: the server was away, or the disk was full. */
  retry() {
    for (const make of this.waiting.splice(0)) this.send(make);
  }

  send(make, sentence = "") {
    this.pending += 1;
    const done = this.stored.then(async () => {
      try {
        const content = make();
        if (content) this.hold(await this.source.post(content));
        if (sentence) announce(sentence);
        return true;
      } catch (error) {
        const again = sentence === "" && RETRIED.includes(error.kind);
        if (again) this.waiting.push(make);
        announce(`Not stored${again ? " yet, and tried again" : ""}. ${error.message}`, true);
        return false;
      } finally {
        this.pending -= 1;
        this.changed.send();
      }
    });
    this.stored = done;
    return done;
  }

  /** Whether two words cannot hold at the same time. A word is a category, or "!" and the reason why not. */
  excludes(one, other) {
    if (one.startsWith("!") || other.startsWith("!") || one === other) return true;
    const of = (word) => this.book.categories.find(({ name }) => name === word)?.exclusive;
    return Boolean(of(one)) && of(one) === of(other);
  }

  /** Stored stretches that exclude a word and overlap with [from, to). */
  against(word, from, to, except = null) {
    return this.codes.filter(
      (code) =>
        code.kind === "interval" &&
        code.id !== except &&
        this.excludes(word, wordOf(code)) &&
        code.frame < to &&
        code.end_frame > from,
    );
  }

  isPoint(word) {
    return this.book.categories.find(({ name }) => name === word)?.kind === "point";
  }

  /** A state begins at a frame, or ends before it; a point is there at once. */
  toggle(word, frame) {
    if (this.isPoint(word)) this.post(() => ({ kind: "point", frame, category: word }));
    else if (this.open.has(word)) this.end(word, frame);
    else this.begin(word, frame);
    this.changed.send();
  }

  begin(word, frame) {
    const [there] = this.against(word, frame, frame + 1);
    if (there) {
      announce(`Here is ${textOf(there)} already: move its ends, or remove it.`, true);
      return;
    }
    for (const other of [...this.open.keys()]) if (this.excludes(word, other)) this.end(other, frame);
    this.open.set(word, frame);
    this.changed.send();
  }

  end(word, frame) {
    const from = this.open.get(word);
    if (from === undefined) return;
    this.open.delete(word);
    this.changed.send();
    const wanted = frame === this.n - 1 ? this.n : frame;
    if (wanted <= from) {
      announce(`${plain(word)} would end before it begins: it is left out.`);
      return;
    }
    this.post(() => {
      const to = Math.min(wanted, ...this.against(word, from, wanted).map((code) => code.frame));
      return { kind: "interval", frame: from, end_frame: to, ...contentOf(word) };
    });
  }

  /** Say something more of a code: {intensity} or {modifiers}. */
  describe({ id }, more) {
    this.post(() => {
      const code = this.codes.find((one) => one.id === id);
      if (!code) return null;
      const { id: entry, ...facts } = code;
      return { ...facts, ...more, entry };
    });
  }

  select(id) {
    this.selected = id;
    this.changed.send();
  }

  get chosen() {
    return this.codes.find(({ id }) => id === this.selected);
  }

  /** The code before (-1) or after (1) the selected one, or the first one at or after a frame. */
  neighbour(by, frame) {
    const at = this.codes.findIndex(({ id }) => id === this.selected);
    if (at >= 0) return this.codes[at + by];
    const next = this.codes.findIndex((code) => code.frame >= frame);
    return by > 0 ? this.codes[next] : this.codes[next < 0 ? this.codes.length - 1 : next - 1];
  }

  /** Where an edge ("frame", "end_frame", "apex_frame") of a code can be, as near to a frame as possible. */
  reach(code, edge, frame) {
    if (code.kind === "point") return Math.max(0, Math.min(this.n - 1, frame));
    if (edge === "apex_frame") return Math.max(code.frame, Math.min(code.end_frame - 1, frame));
    const others = this.against(wordOf(code), 0, this.n, code.id);
    const apex = code.apex_frame;
    if (edge === "frame") {
      const before = others.filter((other) => other.end_frame <= code.frame).map((other) => other.end_frame);
      return Math.min(apex ?? code.end_frame - 1, Math.max(0, frame, ...before));
    }
    const after = others.filter((other) => other.frame >= code.end_frame).map((other) => other.frame);
    return Math.max((apex ?? code.frame) + 1, Math.min(this.n, frame, ...after));
  }

  /** Move an edge of a code. */
  move({ id }, edge, frame) {
    this.post(() => {
      const code = this.codes.find((one) => one.id === id);
      const place = code && this.reach(code, edge, frame);
      if (!code || place === code[edge]) return null;
      const { id: entry, ...facts } = code;
      return { ...facts, [edge]: place, entry };
    });
  }

  remove() {
    const entry = this.selected;
    if (entry) this.post(() => ({ kind: "remove", entry }), "Removed.");
    else announce("Nothing is selected: choose a code with the arrow keys up and down.");
  }

  undo() {
    if (!this.open.size) {
      this.post(() => ({ kind: "undo" }), "Taken back.");
      return;
    }
    this.open.delete([...this.open.keys()].at(-1));
    announce("It did not begin.");
    this.changed.send();
  }
}

export function wordOf({ category, reason }) {
  return category ?? `!${reason}`;
}

function contentOf(word) {
  return word.startsWith("!") ? { reason: word.slice(1) } : { category: word };
}

export function plain(word) {
  return word.startsWith("!") ? word.slice(1) : word;
}

export function textOf(code) {
  return plain(wordOf(code));
}
