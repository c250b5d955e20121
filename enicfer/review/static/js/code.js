// The page of a coder: a face or a clip, a key, the next one.

import { Choices } from "./code_choices.js";
import { ClipPlayer, forgetClip } from "./code_clip.js";
import { Pace } from "./code_pace.js";
import { Ahead, CodingQueue } from "./code_queue.js";
import { exampleAddress, getClip, getCoding, getFace, postCode, postSkip, postUndo } from "./code_source.js";
import { warnOfOthers, watchWindows } from "./code_windows.js";
import { connection } from "./connection.js";
import { announce, byId, el, fill, nameOf } from "./dom.js";
import { listenToKeys, makeHelp } from "./keys.js";
import { dropEarlyKeys } from "./keys_early.js";

const WORDS = {
  frames: { title: "Faces", one: "face", many: "faces" },
  trials: { title: "Trials", one: "trial", many: "trials" },
  adjudicate: { title: "Decisions", one: "decision", many: "disagreements" },
};
const AHEAD = { frame: 5, other: 2 }; // items that are loaded, with the one that is shown
const DWELL = 400; // ms on a face after which the second around it is loaded

class CodingPage {
  constructor(coding) {
    this.words = WORDS[coding.mode];
    this.mode = coding.mode;
    this.coder = coding.coder;
    this.queue = new CodingQueue(coding.items);
    this.pace = new Pace(this.words.one);
    this.clip = new ClipPlayer(byId("clip"));
    const isFace = (item) => item.shows === "frame";
    this.ahead = new Ahead(
      (item) => (isFace(item) ? getFace(item.id) : getClip(item.id)),
      (loaded) => Array.isArray(loaded) && forgetClip(loaded),
    );
    this.around = new Ahead((item) => getClip(item.id), forgetClip);
    this.choices = new Choices(coding.book, {
      mode: coding.mode,
      asksStrength: () => byId("strength").checked,
      may: () => this.may(),
      finish: (said, words) => this.store(said, words),
    });
    this.stored = Promise.resolve();
    this.pending = 0;
    this.before = []; // items that may come back at once
    fill(byId("title"), this.words.title);
    document.title = `Coding: ${this.words.many}`;
    fill(byId("who"), nameOf(coding.coder), " · ", nameOf(coding.book.name), ` ${coding.book.version}`);
    byId("undo").onclick = () => this.undo();
    byId("undo-last").onclick = () => this.undo();
    byId("skip").onclick = () => this.skip();
    byId("play").onclick = () => this.play();
    for (const id of ["undo", "skip", "play"]) byId(id).onpointerdown = (event) => event.preventDefault();
    byId("strength").onchange = () => {
      byId("strength").blur(); // Space plays, and does not press it again
      if (this.queue.current) this.choices.start(this.queue.current);
    };
  }

  /** Show what is first in the queue. */
  async show() {
    const item = this.queue.current;
    this.clip.stop();
    clearTimeout(this.dwell);
    this.ready = false;
    this.pace.show(this.queue);
    byId("done").hidden = Boolean(item);
    document.body.classList.toggle("finished", !item);
    byId("codes").hidden = true;
    if (!item) {
      this.finish();
      return;
    }
    const isFace = item.shows === "frame";
    this.ahead.want([...this.queue.ahead(isFace ? AHEAD.frame : AHEAD.other), ...this.before]);
    this.around.want([]);
    this.choices.start(item);
    let loaded = null;
    try {
      const waiting = setTimeout(() => this.state("loading", "Loading …"), 100);
      loaded = await this.ahead.get(item).finally(() => clearTimeout(waiting));
    } catch (error) {
      if (this.queue.current !== item) return;
      this.state("failed", error.message);
      connection.waits(error, () => this.reload());
      return;
    }
    if (this.queue.current !== item) return;
    this.ready = true;
    this.begin = performance.now();
    this.showCodes(item);
    if (isFace) {
      byId("picture").replaceChildren(loaded);
      this.state("still");
      this.dwell = setTimeout(() => this.around.want([item]), DWELL);
    } else {
      this.clip.load(loaded);
      this.state("clip");
      this.clip.play({ loop: true });
    }
  }

  /** What is on the stage: "loading", "failed", "still" (a face), "around" (its clip), or "clip". */
  state(state, text = "") {
    byId("stage").dataset.state = state;
    byId("picture").hidden = state !== "still";
    byId("clip").hidden = !["around", "clip"].includes(state);
    byId("picture-text").textContent = text;
    byId("picture-mark").hidden = state !== "around";
    byId("picture-mark").textContent = "one second around";
  }

  showCodes({ codes }) {
    byId("codes").hidden = !codes.length;
    byId("codes").replaceChildren(
      ...codes.map((code, i) =>
        el(
          "button",
          {
            type: "button",
            onpointerdown: (event) => event.preventDefault(),
            onclick: () => this.choices.takeCode(i),
          },
          i === 0 ? el("kbd", {}, "←") : null,
          nameOf(code),
          i === 1 ? el("kbd", {}, "→") : null,
        ),
      ),
    );
  }

  /** Play the second around the face, or stop and go on with a clip. */
  async play() {
    const item = this.queue.current;
    if (!item || !this.ready) return;
    if (byId("stage").dataset.state === "clip") {
      if (this.clip.playing) this.clip.stop();
      else this.clip.play({ loop: true });
      return;
    }
    if (byId("stage").dataset.state === "around") {
      this.clip.stop();
      this.state("still");
      return;
    }
    try {
      const frames = await this.around.get(item);
      if (this.queue.current !== item) return;
      this.clip.load(frames);
      this.state("around");
      this.clip.play({ onEnd: () => this.state("still") });
    } catch (error) {
      announce(error.message, true);
    }
  }

  /** Whether something may be said now: only of what is seen. */
  may() {
    if (!this.queue.current) return false;
    if (this.ready && connection.isThere) return true;
    announce(this.ready ? "The server does not answer: nothing can be stored." : "Nothing is shown yet: N skips it.");
    return false;
  }

  /** Store a code, and show the next item at once; what could not be stored comes back. */
  store(said, words) {
    const item = this.queue.current;
    const took = this.pace.measure(this.begin);
    this.queue.take(item.id);
    this.before = [item, ...this.before].slice(0, 2);
    this.pace.note(took);
    this.pending += 1;
    this.tellLast(words, "storing");
    this.stored = this.stored.then(async () => {
      try {
        warnOfOthers(await postCode(item.id, took === undefined ? said : { ...said, took }, this.coder));
        this.pending -= 1;
        if (!this.pending) this.tellLast(words, "stored");
      } catch (error) {
        this.pending -= 1;
        this.tellLast(words, "not stored");
        announce(`Not stored: ${words}. ${error.message}`, true);
        this.queue.putBack(item.id);
        this.show();
      }
    });
    this.show();
  }

  tellLast(words, state) {
    fill(byId("last"), state === "stored" ? "Last: " : "", nameOf(words), ` · ${state}`);
    byId("last").dataset.state = state;
  }

  /** Take the last code or skip back, once all before it are stored, and show its item again. */
  undo() {
    this.stored = this.stored.then(async () => {
      try {
        const { id, skipped } = await postUndo(this.coder);
        this.queue.putBack(id);
        fill(byId("last"), skipped ? "Not skipped: here it is." : "Taken back: say it again.");
        byId("last").dataset.state = "undone";
        this.show();
      } catch (error) {
        announce(error.message, error.kind !== "not_shown");
      }
    });
    return this.stored;
  }

  skip() {
    if (!this.queue.current) return;
    if (this.queue.open.length === 1) {
      announce("This is the last one.");
      return;
    }
    const item = this.queue.current;
    this.queue.skip();
    this.before = [item, ...this.before].slice(0, 2);
    this.tellLast("Skipped: it comes again at the end", "storing");
    this.pending += 1;
    this.stored = this.stored.then(async () => {
      try {
        warnOfOthers(await postSkip(item.id, this.coder));
        if (this.pending === 1) this.tellLast("Skipped: it comes again at the end", "skipped");
      } catch (error) {
        announce(`Skipped, but only until this page is closed. ${error.message}`, true);
      }
      this.pending -= 1;
    });
    this.show();
  }

  finish() {
    byId("picture").replaceChildren();
    this.state("done");
    this.choices.end();
    fill(
      byId("done-text"),
      `${this.queue.total} ${this.words.many} are done, and each is stored. `,
      "You can close this page, and stop the server with Ctrl+C.",
    );
  }

  /** Ask anew what is to be coded: the server was away, and its ids may be others. */
  reload() {
    this.reloading ??= getCoding()
      .then(({ items }) => {
        this.queue = new CodingQueue(items);
        this.before = [];
        this.ahead.want([]);
        return this.show();
      })
      .catch((error) => announce(error.message, true))
      .finally(() => (this.reloading = null));
    return this.reloading;
  }
}

const SIGNS = [..."0123456789abcdefghijklmopqrstvwxyz-", "Enter", "Escape"]; // all but N and U

function pageKeys(page, book, help) {
  const { choices } = page;
  const group = "Page";
  const around = page.mode === "frames" ? "play the second around the face" : "play, stop";
  // A key that is held says nothing again.
  const once = (act) => (event) => (event.repeat ? true : act(event));
  const shown = (key, says, of = "Codes") => ({ key, says, act: () => false, group: of });
  const press = ({ key }) => choices.press(key.length === 1 ? key.toLowerCase() : key);
  const code = (key, says, i) => ({ key, says, act: once(() => choices.takeCode(i)), group: "Codes" });
  return [
    { key: SIGNS, act: once(press), group: "Codes" },
    ...(page.mode === "adjudicate"
      ? [code("ArrowLeft", "take the left code", 0), code("ArrowRight", "take the right code", 1)]
      : []),
    ...book.categories.map(({ key, name, definition }) => shown(key, `${name}: ${definition}`)),
    shown("0", "cannot be coded; then why"),
    { key: " ", says: around, act: once(() => page.play()), group },
    { key: "u", says: "take the last code or skip back", act: once(() => page.undo()), group },
    { key: "n", says: "skip; it comes again at the end", act: once(() => page.skip()), group },
    shown("Escape", "back to the first question", group),
    { key: ["+", "*"], says: "ask how strong it is, or do not", act: once(() => byId("strength").click()), group },
    { key: "?", says: "these keys", act: once(() => help()), group },
  ];
}

function showExamples(book) {
  const all = book.categories.flatMap(({ name, examples }, i) =>
    Array.from({ length: examples }, (_, k) => ({ name, address: exampleAddress(i, k) })),
  );
  byId("examples").hidden = !all.length;
  fill(
    byId("examples-list"),
    all.map(({ name, address }) =>
      el("figure", {}, el("img", { src: address, alt: "" }), el("figcaption", { class: "soft" }, nameOf(name))),
    ),
  );
}

async function open() {
  const coding = await getCoding();
  connection.restart = coding.restart;
  const page = new CodingPage(coding);
  fill(byId("own"), coding.note);
  byId("own").hidden = !coding.note;
  watchWindows();
  showExamples(coding.book);
  const rows = pageKeys(page, coding.book, () => help());
  const help = makeHelp(rows);
  listenToKeys(rows);
  connection.back.listen(() => page.reload());
  // Who looked elsewhere did not take so long to code.
  document.addEventListener("visibilitychange", () => (page.begin = -Infinity));
  addEventListener("beforeunload", (event) => page.pending && event.preventDefault());
  await page.show();
  document.body.dataset.ready = "true";
}

dropEarlyKeys();
open().catch((error) => announce(error.message, true));
