// What may be said of an item, one question after the other: category, or why not; then modifiers, and how strong.

import { byId, el, nameOf } from "./dom.js";

const STRENGTHS = ["a trace", "slight", "clear", "strong", "as strong as it can be"];
export const CANNOT = "cannot be coded";
const NOTHING = "nothing";

export class Choices {
  /** `may()` says whether something may be said now; `finish(said, words)` gets what is stored, also in words. */
  constructor(book, { mode, asksStrength, may, finish }) {
    Object.assign(this, { book, mode, asksStrength, may, finish });
    this.options = [];
  }

  /** Begin with an item. */
  start(item) {
    this.item = item;
    this.said = {};
    const options = this.book.categories.map(({ key, name, definition }) => ({
      key,
      label: name,
      detail: definition,
      act: () => this.takeCategory(name),
    }));
    if (item.shows === "interval")
      options.push({ key: "-", label: NOTHING, detail: "Nothing of this.", act: () => this.takeCategory(NOTHING) });
    if (this.book.cannot.length)
      options.push({ key: "0", label: CANNOT, detail: "", apart: true, act: () => this.askWhy() });
    this.ask(this.mode === "adjudicate" ? "What holds?" : "What does the face show?", options);
    this.first = true;
  }

  /** Take what one of the coders said: its place among the codes. */
  takeCode(i) {
    const code = this.item.codes[i];
    if (code === undefined || !this.first || !this.may()) return;
    if (code === CANNOT) this.askWhy();
    else this.takeCategory(code);
  }

  takeCategory(name) {
    this.said.category = name;
    const known = this.book.categories.find((one) => one.name === name);
    this.left = this.book.modifiers.filter((one) => known?.modifiers.includes(one.name));
    this.modifiers = [];
    this.goOn();
  }

  askWhy() {
    const reasons = this.book.cannot.map((reason, i) => ({
      key: keyAt(i),
      label: reason,
      act: () => this.finish({ reason }, reason),
    }));
    this.ask("Why can it not be coded?", [...reasons, this.goBack()]);
  }

  goOn() {
    const [next, ...others] = this.left;
    if (next) {
      this.left = others;
      this.askModifier(next);
    } else if (this.asksStrength() && this.said.category !== NOTHING) this.askStrength();
    else this.take();
  }

  askModifier({ name, values }) {
    const take = (value) => () => {
      this.modifiers.push(`${name}=${value}`);
      this.goOn();
    };
    const options = values.map((value, i) => ({ key: keyAt(i), label: value, act: take(value) }));
    this.ask(`${this.said.category}: ${name}?`, [...options, this.leaveOut(() => this.goOn()), this.goBack()]);
  }

  askStrength() {
    const options = STRENGTHS.map((label, i) => ({
      key: String(i + 1),
      label,
      act: () => {
        this.said.intensity = i + 1;
        this.take();
      },
    }));
    this.ask(`${this.said.category}: how strong?`, [...options, this.leaveOut(() => this.take()), this.goBack()]);
  }

  leaveOut(act) {
    return { key: "Enter", label: "not said", apart: true, act };
  }

  goBack() {
    return { key: "Escape", label: "back", apart: true, act: () => this.start(this.item) };
  }

  take() {
    if (this.modifiers.length) this.said.modifiers = this.modifiers.join(",");
    const strength = this.said.intensity ? [String(this.said.intensity)] : [];
    this.finish(this.said, [this.said.category, ...this.modifiers, ...strength].join(", "));
  }

  ask(question, options) {
    this.first = false;
    this.options = options;
    byId("question").textContent = question;
    byId("choices").replaceChildren(
      ...options.map(({ key, label, detail, apart }) =>
        el(
          "button",
          // A click leaves the focus where it was, so that Space plays and presses nothing.
          {
            type: "button",
            class: apart ? "apart" : "",
            onpointerdown: (event) => event.preventDefault(),
            onclick: () => this.press(key),
          },
          el("kbd", {}, key.length === 1 ? key.toUpperCase() : ({ Escape: "Esc" }[key] ?? key)),
          nameOf(label, { class: "label" }),
          detail ? el("span", {}, nameOf(detail)) : null,
        ),
      ),
    );
  }

  /** Ask nothing. */
  end() {
    this.ask("", []);
  }

  /** Act on a key; false if it means nothing here. */
  press(key) {
    const found = this.options.find((one) => one.key === key);
    if (found && this.may()) found.act();
    return found !== undefined;
  }
}

/** 1 to 9, then letters. */
function keyAt(i) {
  return i < 9 ? String(i + 1) : String.fromCharCode("a".charCodeAt(0) + i - 9);
}
