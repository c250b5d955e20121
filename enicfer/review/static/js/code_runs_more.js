// What is said of the selected stretch or instant besides: its modifiers, and how strong it is.

import { byId, el, fill, nameOf } from "./dom.js";

const STRENGTHS = [1, 2, 3, 4, 5];

export class CodeMore {
  constructor({ store, book }) {
    Object.assign(this, { store, book });
    store.changed.listen(() => this.show());
    this.show();
  }

  show() {
    const code = this.store.chosen;
    byId("more").hidden = !code?.category;
    if (!code?.category) return;
    const known = this.book.categories.find(({ name }) => name === code.category);
    const said = new Map((code.modifiers ?? "").split(",").filter(Boolean).map((one) => one.split("=")));
    const own = this.book.modifiers.filter(({ name }) => known?.modifiers.includes(name));
    fill(
      byId("more"),
      this.row("strength", STRENGTHS.map(String), String(code.intensity ?? ""), (value) =>
        this.store.describe(code, { intensity: value === "" ? null : Number(value) }),
      ),
      own.map(({ name, values }) =>
        this.row(name, values, said.get(name) ?? "", (value) => {
          const others = [...said].filter(([one]) => one !== name);
          const all = value === "" ? others : [...others, [name, value]];
          this.store.describe(code, { modifiers: all.map((one) => one.join("=")).join(",") });
        }),
      ),
    );
  }

  /** Buttons of which one is pressed; pressed again, nothing is said. */
  row(name, values, chosen, take) {
    return el(
      "div",
      { role: "group", "aria-label": name },
      nameOf(name, { class: "soft" }),
      values.map((value) =>
        el(
          "button",
          {
            type: "button",
            "aria-pressed": String(value === chosen),
            onpointerdown: (event) => event.preventDefault(),
            onclick: () => take(value === chosen ? "" : value),
          },
          nameOf(value),
        ),
      ),
    );
  }

  /** The selected code is stronger (1) or weaker (-1); below a trace, nothing is said. */
  step(by) {
    const code = this.store.chosen;
    if (!code?.category) return;
    const next = Math.max(0, Math.min(STRENGTHS.length, (code.intensity ?? 0) + by));
    this.store.describe(code, { intensity: next || null });
  }
}
