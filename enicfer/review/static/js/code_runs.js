// The page of continuous coding: one video, keys that begin and end what holds, and a time axis to edit it.

import { TimeAxis } from "./axis.js";
import { getCoding } from "./code_source.js";
import { CodeLanes, colorOf } from "./code_runs_lanes.js";
import { CodeMore } from "./code_runs_more.js";
import { ItemSource } from "./code_runs_source.js";
import { CANNOT, RunCodes, textOf, wordOf } from "./code_runs_store.js";
import { watchWindows } from "./code_windows.js";
import { connection } from "./connection.js";
import { announce, byId, el, fill, nameOf } from "./dom.js";
import { count, minutes } from "./format.js";
import { FrameTable } from "./frames.js";
import { listenToKeys, makeHelp } from "./keys.js";
import { dropEarlyKeys } from "./keys_early.js";
import { ExactPictures } from "./pictures.js";
import { Player } from "./player.js";
import { Proxy } from "./proxy.js";
import { Signal } from "./signal.js";
import { Stage } from "./stage.js";
import { Transport } from "./transport.js";

const BIN = 0.5; // s of the video that count as seen when some of them were played
const ENOUGH = 0.95; // of the video that must have been seen
const AGAIN = 8000; // ms within which a second Enter says it is coded all the same
const ZOOM = 0.6;

class RunsPage {
  constructor(coding, item, parts) {
    Object.assign(this, { coding, item, book: coding.book }, parts);
    this.seen = new Set();
    this.pressed = new Map(); // key -> word, while it is held
    this.asking = null; // the frame at which "cannot be coded" was pressed
    this.player.moved.listen(() => {
      if (this.player.playing) this.seen.add(Math.floor((this.player.time - this.axis.first) / BIN));
      this.axis.keepInView(this.player.time);
    });
    this.store.changed.listen(() => this.show());
    byId("undo").onclick = () => this.store.undo();
    byId("remove").onclick = () => this.store.remove();
    byId("finish").onclick = () => this.finish();
    byId("hold").onchange = () => byId("hold").blur();
    for (const button of document.querySelectorAll(".actions button"))
      button.onpointerdown = (event) => event.preventDefault();
    const done = coding.items.filter((one) => one.done).length;
    fill(byId("who"), nameOf(coding.coder), " · ", nameOf(coding.book.name), ` ${coding.book.version}`);
    fill(byId("count"), `${done} of ${count(coding.items.length, "video")} coded`);
    this.show();
  }

  show() {
    const { store } = this;
    byId("question").textContent = this.asking === null ? "What holds now?" : "Why can it not be coded?";
    byId("choices").replaceChildren(
      ...this.options.map(({ key, label, detail, word, act }) =>
        el(
          "button",
          {
            type: "button",
            title: detail,
            "aria-pressed": String(word ? store.open.has(word) : false),
            onpointerdown: (event) => event.preventDefault(),
            onclick: act,
          },
          el("kbd", {}, key === "Escape" ? "Esc" : key.toUpperCase()),
          nameOf(label),
        ),
      ),
    );
    const none = "No codes yet: a key begins one, and ends it";
    const left = store.waiting.length ? ` · ${store.waiting.length} not stored yet` : "";
    const codes = store.codes.length || store.watched ? count(store.codes.length, "code") : none;
    fill(byId("said-title"), `${codes}${store.watched ? " · all coded" : ""}${left}`);
    fill(
      byId("said-list"),
      store.codes.map((code) =>
        el(
          "li",
          {},
          el(
            "button",
            {
              type: "button",
              "aria-current": String(code.id === store.selected),
              onpointerdown: (event) => event.preventDefault(),
              onclick: () => this.choose(code),
            },
            swatch(colorOf(this.book, wordOf(code))),
            nameOf(textOf(code)),
            el("span", { class: "soft" }, this.timesOf(code)),
          ),
        ),
      ),
    );
  }

  timesOf({ frame, end_frame: end }) {
    const at = (one) => minutes(one < this.frames.n ? this.frames.time[one] : this.axis.last, 2);
    return end === undefined ? at(frame) : `${at(frame)} – ${at(end)}`;
  }

  /** What may be said now: the categories, or the reasons for which it cannot be coded. */
  get options() {
    if (this.asking !== null) {
      const reasons = this.book.cannot.map((reason, i) => ({
        key: String(i + 1),
        label: reason,
        act: () => {
          const at = this.asking;
          this.asking = null;
          this.store.begin(`!${reason}`, at);
          this.show();
        },
      }));
      const back = () => {
        this.asking = null;
        this.show();
      };
      return [...reasons, { key: "Escape", label: "back", act: back }];
    }
    const open = [...this.store.open.keys()].find((word) => word.startsWith("!"));
    const cannot = { key: "0", label: CANNOT, word: open, act: () => this.cannot(open) };
    return [
      ...this.book.categories.map(({ key, name, definition }) => ({
        key,
        label: name,
        detail: definition,
        word: name,
        act: () => this.say(name),
      })),
      ...(this.book.cannot.length ? [cannot] : []),
    ];
  }

  say(word) {
    if (connection.isThere) this.store.toggle(word, this.player.frame);
    else announce("The server does not answer: nothing can be stored.", true);
  }

  cannot(open) {
    if (open) this.store.end(open, this.player.frame);
    else this.asking = this.player.frame;
    this.show();
  }

  press({ key, repeat }) {
    const wanted = key.length === 1 ? key.toLowerCase() : key;
    const found = this.options.find((one) => one.key === wanted);
    if (!found) return false;
    if (repeat) return true;
    found.act();
    if (byId("hold").checked && found.word && this.store.open.has(found.word)) this.pressed.set(wanted, found.word);
    return true;
  }

  /** A key that began something is let go: while keys are held, that ends it. */
  letGo({ key }) {
    const word = this.pressed.get(key.toLowerCase());
    this.pressed.delete(key.toLowerCase());
    if (word) this.store.end(word, this.player.frame);
  }

  /** A key is held and the window loses the focus: nobody hears that it is let go, so what it began ends here. */
  letAllGo() {
    for (const word of this.pressed.values()) this.store.end(word, this.player.frame);
    this.pressed.clear();
  }

  choose(code) {
    if (!code) return;
    this.store.select(code.id);
    this.seek(code.frame);
  }

  seek(frame) {
    this.player.pause();
    this.player.seek(frame);
    this.axis.keepInView(this.player.time);
  }

  /** Move an edge of the selected code to where the cursor is; its end is then the frame after this one. */
  edge(which) {
    const { chosen } = this.store;
    if (!chosen) announce("Nothing is selected: choose a code with the arrow keys up and down.");
    else if (chosen.kind === "point") this.store.move(chosen, "frame", this.player.frame);
    else this.store.move(chosen, which, this.player.frame + (which === "end_frame" ? 1 : 0));
  }

  /** All of the video was looked at: what is not coded is not there. */
  async finish() {
    const { store } = this;
    if (store.open.size) {
      announce(`${[...store.open.keys()].map(plainWord).join(", ")} has not ended: end it first.`, true);
      return;
    }
    const bins = Math.max(1, Math.floor((this.axis.last - this.axis.first) / BIN));
    const share = Math.min(1, this.seen.size / bins);
    if (!store.watched && share < ENOUGH && !(this.asked > performance.now() - AGAIN)) {
      this.asked = performance.now();
      announce(`You have played ${Math.floor(100 * share)} % of it. Press Enter again if all is coded.`, true);
      return;
    }
    const all = () => ({ kind: "watched", frame: 0, end_frame: this.frames.n });
    if (store.watched || (await store.post(all))) this.next(true);
  }

  /** Go to the next video that is not coded. */
  next(isDone = false) {
    const { items } = this.coding;
    const at = items.findIndex(({ id }) => id === this.item.id);
    const others = [...items.slice(at + 1), ...items.slice(0, at)].filter(({ done }) => !done);
    if (others.length) location.assign(`/?item=${others[0].id}`);
    else if (isDone) announce("All videos are coded, and all is stored. You can close this page.");
    else announce("This is the last one.");
  }
}

function plainWord(word) {
  return word.startsWith("!") ? word.slice(1) : word;
}

/** A spot of a colour; the pages have no style in their markup. */
function swatch(color) {
  const made = el("span", { class: "swatch", "aria-hidden": "true" });
  made.style.background = color;
  return made;
}

function pageKeys(page, help) {
  const { player, axis, store, frames } = page;
  const group = { codes: "Codes", play: "Playing", edit: "Editing", page: "Page" };
  const shown = (key, says) => ({ key, says, act: () => false, group: group.codes });
  const choose = (by) => page.choose(store.neighbour(by, player.frame));
  const once = (act) => (event) => (event.repeat ? true : act(event));
  const leave = (event) => page.press(event) || store.select(null);
  const step = (by) => {
    player.step(by);
    axis.keepInView(player.time);
  };
  return [
    { key: [..."0123456789abcdefghijklmopqrstvwxyz"], act: (event) => page.press(event), group: group.codes },
    ...page.book.categories.map(({ key, name, definition }) => shown(key, `${name}: ${definition}`)),
    shown("0", "cannot be coded, with the reason; again where it ends"),
    { key: "*", says: "hold keys, or press them twice", act: once(() => byId("hold").click()), group: group.codes },
    { key: " ", says: "play, stop", act: once(() => player.toggle()), group: group.play },
    { key: "ArrowLeft", shift: false, says: "one frame back", act: () => step(-1), group: group.play },
    { key: "ArrowRight", shift: false, says: "one frame on", act: () => step(1), group: group.play },
    { key: "ArrowLeft", shift: true, says: "ten frames back", act: () => step(-10), group: group.play },
    { key: "ArrowRight", shift: true, says: "ten frames on", act: () => step(10), group: group.play },
    { key: [",", "<"], says: "slower", act: () => player.changeSpeed(-1), group: group.play },
    { key: [".", ">"], says: "faster", act: () => player.changeSpeed(1), group: group.play },
    { key: "Home", says: "first frame", act: () => page.seek(0), group: group.play },
    { key: "End", says: "last frame", act: () => page.seek(frames.n - 1), group: group.play },
    { key: ["ArrowUp"], says: "the code before", act: () => choose(-1), group: group.edit },
    { key: ["ArrowDown"], says: "the code after", act: () => choose(1), group: group.edit },
    { key: "[", says: "the selected code begins here", act: once(() => page.edge("frame")), group: group.edit },
    { key: "]", says: "it ends with this frame", act: once(() => page.edge("end_frame")), group: group.edit },
    { key: "=", says: "it is strongest here", act: once(() => page.edge("apex_frame")), group: group.edit },
    { key: ["PageUp"], says: "it is stronger", act: once(() => page.more.step(1)), group: group.edit },
    { key: ["PageDown"], says: "it is weaker", act: once(() => page.more.step(-1)), group: group.edit },
    { key: ["Delete", "Backspace"], says: "remove it", act: once(() => store.remove()), group: group.edit },
    { key: "u", says: "take the last change back", act: once(() => store.undo()), group: group.edit },
    { key: "+", says: "show less of the time", act: () => axis.zoom(ZOOM, player.time), group: group.page },
    { key: ["-", "_"], says: "show more of it", act: () => axis.zoom(1 / ZOOM, player.time), group: group.page },
    { key: "Enter", says: "all of this video is coded", act: once(() => void page.finish()), group: group.page },
    { key: "n", says: "next video, and this one later", act: once(() => page.next()), group: group.page },
    { key: "Escape", says: "back; nothing is selected", act: leave, group: group.page },
    { key: "?", says: "these keys", act: once(() => help()), group: group.page },
  ];
}

async function open() {
  const coding = await getCoding();
  const asked = new URLSearchParams(location.search).get("item");
  const item =
    coding.items.find(({ id }) => id === asked) ?? coding.items.find(({ done }) => !done) ?? coding.items[0];
  connection.restart = coding.restart;
  watchWindows();
  const source = new ItemSource(item.id, coding.coder);
  const [info, clock, codes] = await Promise.all([source.info(), source.clock(), source.codes()]);
  const frames = new FrameTable(clock);
  const video = byId("video");
  const hasVideo = info.video.state === "there";
  const proxy = new Proxy(source, video);
  let stage = null;
  const pictures = new ExactPictures(source, () => stage.pictureWidth());
  const player = new Player({ frames, proxy, pictures, video, hasVideo });
  const none = { arrived: new Signal(), at: () => null };
  stage = new Stage({ info, frames, player, statuses: [], values: none, others: { of: () => [] } });
  new Transport({ player, proxy, frames, keys: { slower: ",", faster: "." }, loops: false });
  const step = frames.n > 1 ? (frames.time[frames.n - 1] - frames.time[0]) / (frames.n - 1) : 0.04;
  const axis = new TimeAxis(frames.time[0], frames.time[frames.n - 1] + step);
  const store = new RunCodes(source, coding.book, frames.n, codes);
  const page = new RunsPage(coding, item, { frames, player, axis, store });
  new CodeLanes({ axis, player, frames, store, book: coding.book });
  page.more = new CodeMore({ store, book: coding.book });
  const rows = pageKeys(page, () => help());
  const help = makeHelp(rows, player);
  listenToKeys(rows);
  document.addEventListener("keyup", (event) => page.letGo(event));
  addEventListener("blur", () => page.letAllGo());
  document.addEventListener("visibilitychange", () => document.hidden && page.letAllGo());
  const unsaved = () => store.pending || store.waiting.length || store.open.size;
  addEventListener("beforeunload", (event) => unsaved() && event.preventDefault());
  const place = coding.items.indexOf(item);
  connection.back.listen(async () => {
    if (await source.follow(place, clock)) store.retry();
    else announce("The server has other videos now: load the page again.", true);
  });
  player.seek(0);
  if (hasVideo) proxy.start();
  byId("timeline").focus({ preventScroll: true });
  document.body.dataset.ready = "true";
}

dropEarlyKeys();
open().catch((error) => announce(error.message, true));
