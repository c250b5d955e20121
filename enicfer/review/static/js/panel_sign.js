// Signing a review off, and the reviewer's marks.

import { byId, el, fill, nameOf } from "./dom.js";
import { holdPlayer, openDialog } from "./forms.js";
import { count, date, seconds } from "./format.js";
import { whatToRun } from "./what_to_run.js";

export class SignPanel {
  constructor({ store, player, info, judge, done }) {
    const { warnings } = info;
    Object.assign(this, { store, player, done });
    this.ask = byId("ask");
    byId("ask-judge").addEventListener("click", () => {
      this.ask.close();
      judge();
    });
    byId("ask-sign").addEventListener("click", () => {
      this.ask.close();
      this.storeSignOff();
    });
    this.place = byId("panel-sign");
    this.summary = el("section", { id: "sign-summary", "aria-label": "What was reviewed" });
    this.name = el("input", {
      type: "text",
      id: "sign-name",
      maxLength: 80,
      required: true,
      value: store.review.coder ?? "",
      autocomplete: "name",
    });
    this.note = el("textarea", { id: "sign-note", maxLength: 2000, rows: 2 });
    this.form = el(
      "form",
      { id: "sign", onsubmit: (event) => this.sign(event) },
      el("label", {}, "Your name ", this.name),
      el("label", {}, "Note (may stay empty) ", this.note),
      el(
        "div",
        { class: "actions" },
        el("button", { type: "submit", class: "main", disabled: store.readOnly }, "Sign off"),
      ),
    );
    this.markNote = el("input", {
      type: "text",
      id: "mark-note",
      maxLength: 2000,
      placeholder: "what is to be seen here",
    });
    this.markForm = el(
      "form",
      { id: "mark", onsubmit: (event) => this.mark(event) },
      el("label", {}, "Mark this frame ", el("kbd", {}, "M"), " ", this.markNote),
      el("div", { class: "actions" }, el("button", { type: "submit", disabled: store.readOnly }, "Mark")),
    );
    this.marks = el("section", { id: "marks", "aria-label": "Marks" });
    const read = warnings.length
      ? el(
          "section",
          {},
          el("h3", {}, "Read this first"),
          el(
            "ul",
            { class: "why" },
            warnings.map((warning) => el("li", {}, nameOf(warning))),
          ),
        )
      : null;
    fill(this.place, read, this.summary, this.form, this.markForm, this.marks);
    this.place.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && event.target.matches("input, textarea")) byId("timeline").focus();
    });
    store.changed.listen(() => this.show());
    this.show();
  }

  show() {
    const { accepted, rejected, open } = this.store.counts;
    const { signed, signed_before: before, reopened, others, notes } = this.store.review;
    const again = this.store.before.size;
    fill(
      this.summary,
      el("h3", {}, signed ? "Signed off" : "Not signed off"),
      signed
        ? el(
            "p",
            { class: "said accepted" },
            "By ",
            nameOf(signed.name),
            `, ${date(signed.at)}`,
            signed.note ? ": " : null,
            signed.note ? nameOf(signed.note) : null,
            signed.unjudged?.length ? `. Without a verdict of the queue: ${trialsInWords(signed.unjudged)}.` : null,
          )
        : null,
      before && !signed
        ? el(
            "p",
            { class: "said rejected" },
            "Signed by ",
            nameOf(before.name),
            `, ${date(before.at)}, before the participant was changed: it does not count any more.`,
          )
        : null,
      reopened && !signed
        ? el(
            "p",
            { class: "said rejected" },
            "Signed by ",
            nameOf(reopened.name),
            `, ${date(reopened.at)}, before the last verdict or correction: sign again.`,
          )
        : null,
      again
        ? el(
            "p",
            { class: "said rejected" },
            `${count(again, "trial")} judged before the participant was changed: look again, the verdicts do not count.`,
          )
        : null,
      notes.map((note) => el("p", { class: "said rejected" }, nameOf(note))),
      whatToRun(this.store),
      el(
        "p",
        {},
        `${accepted} accepted, ${rejected} rejected, ${open} not judged of ${count(this.store.trials.length, "trial")}; ${count(this.store.corrections.length, "correction")}.`,
      ),
      (others ?? []).map((other) =>
        el(
          "p",
          { class: "soft" },
          nameOf(other.coder),
          `: ${count(other.n_reviewed, "trial")} judged, ${signatureOf(other)}`,
        ),
      ),
    );
    fill(
      this.marks,
      el(
        "ul",
        {},
        (this.store.review.marks ?? []).map((entry) =>
          el(
            "li",
            {},
            el(
              "button",
              { type: "button", class: "link", onclick: () => this.player.seek(entry.frame) },
              `frame ${entry.frame}, ${seconds(entry.time, 2)}`,
            ),
            ": ",
            nameOf(entry.note || "no note"),
            " ",
            this.store.readOnly
              ? null
              : el(
                  "button",
                  { type: "button", class: "link", onclick: () => this.store.undo(entry.id) },
                  "take back",
                ),
          ),
        ),
      ),
    );
  }

  get entry() {
    return { kind: "signoff", name: this.name.value.trim(), note: this.note.value.trim() };
  }

  /** Sign, or ask first where trials of the queue have no verdict. */
  sign(event) {
    event.preventDefault();
    const { unjudged, queue } = this.store;
    if (!unjudged.length) {
      this.storeSignOff();
      return;
    }
    const have = unjudged.length === 1 ? "has" : "have";
    byId("ask-text").textContent =
      `${unjudged.length} of ${count(queue.length, "trial")} of the queue ${have} no verdict: ` +
      `${trialsInWords(unjudged)}. Sign off all the same?`;
    openDialog(this.ask, this.player);
  }

  async storeSignOff() {
    if (!(await this.store.post(this.entry, "Signed off."))) return;
    holdPlayer(this.player);
    this.done();
  }

  async mark(event) {
    event.preventDefault();
    if (
      await this.store.post({ kind: "mark", frame: this.player.frame, note: this.markNote.value.trim() }, "Marked.")
    ) {
      this.markNote.value = "";
      byId("timeline").focus({ preventScroll: true });
    }
  }
}

function signatureOf({ signed, reopened }) {
  if (signed) return `signed ${date(signed.at)}`;
  return reopened ? `signed ${date(reopened.at)}, before the last verdict or correction` : "not signed";
}

function trialsInWords(trials) {
  const sorted = [...trials].sort((one, other) => one - other);
  return `trial${sorted.length > 1 ? "s" : ""} ${sorted.join(", ")}`;
}
