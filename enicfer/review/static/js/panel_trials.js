// The queue of trials that most need eyes: each is played in a loop, then accepted or rejected with a reason.

import { announce, byId, el, fill, nameOf } from "./dom.js";
import { formIsOpen, holdFocus, holdPlayer } from "./forms.js";
import { conditionLetter } from "./conditions.js";
import { count, disputeInWords, isolateNames, percent, seconds, shortened } from "./format.js";

const OTHER = "other";
const BEFORE = {
  accepted: "accepted before the participant was changed",
  rejected: "rejected before the participant was changed",
};
const REASON_KEYS = "123456789abcdefghjkmnpqrstuvwyz"; // of the reasons in their order, none that look alike
const OTHER_KEY = "x";

export class TrialsPanel {
  constructor({ store, player, frames, info, axis }) {
    Object.assign(this, { store, player, frames, info, axis, reasons: info.reasons });
    this.place = byId("panel-trials");
    this.detail = el("section", { id: "trial", "aria-label": "Trial" });
    this.form = this.makeForm();
    this.list = el("ol", { id: "queue", tabIndex: -1, "aria-label": "Trials that most need eyes" });
    this.disputes = el("p", { id: "disputes", class: "disagree", hidden: true });
    fill(
      this.place,
      this.disputes,
      this.detail,
      this.form,
      el("h3", { id: "queue-title" }, "Trials that most need eyes"),
      this.list,
    );
    store.changed.listen(() => this.show());
    store.picked.listen(() => this.closeForm());
    document.addEventListener("keydown", (event) => this.formKey(event));
    this.show();
  }

  /** A reason of the server, in which a condition's name does not turn what stands beside it. */
  named(reason) {
    return isolateNames(reason, this.info.conditions);
  }

  get trial() {
    return this.store.trials.find(({ trial }) => trial === this.store.selected) ?? null;
  }

  get hasPicture() {
    return this.player.hasVideo && this.player.shown.kind !== "failed";
  }

  /** Look at a trial: play it in a loop with its padding. */
  open(trial) {
    if (trial === null || trial === undefined) return;
    this.unseen = null; // the trial without a picture of which was said that it has none
    this.store.select(trial);
    const { start, stop } = this.trial;
    const [first, last] = this.store.queue.find((row) => row.trial === trial)?.loop ?? [start - 1, stop + 1];
    this.player.setLoop([this.frames.from(first), this.frames.atTime(last)]);
    if (start < this.axis.start || stop > this.axis.stop) {
      const span = Math.max(this.axis.span, 2 * (last - first));
      this.axis.show((start + stop - span) / 2, (start + stop + span) / 2);
    }
    this.player.seek(this.frames.from(first));
    this.player.play();
    this.list.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  }

  next(by = 1, openOnly = false) {
    this.open(this.store.neighbour(by, openOnly));
  }

  async accept() {
    if (!this.trial) return this.next(1, true);
    const { trial } = this.trial;
    if (!this.hasPicture && this.unseen !== trial && !this.store.readOnly) {
      this.unseen = trial;
      announce(`Not stored. There is no picture of trial ${trial}: accept again to accept it unseen.`, true);
      return true;
    }
    if (
      await this.store.post({ kind: "trial", trial, verdict: "accepted", note: "" }, `Trial ${trial} accepted.`)
    )
      this.onward();
    return true;
  }

  onward() {
    const next = this.store.neighbour(1, true);
    if (next !== null) this.open(next);
  }

  reopen() {
    if (!this.trial) return;
    const { trial } = this.trial;
    this.store.post({ kind: "trial", trial, verdict: "open" }, `Trial ${trial} is open again.`);
  }

  show() {
    this.showDetail();
    this.showDisputes();
    fill(
      this.list,
      this.store.queue.map((row) => this.queueRow(row)),
    );
    const done = this.store.queue.filter(({ trial }) => this.store.verdict(trial)).length;
    byId("queue-title").textContent = `Trials that most need eyes: ${done} of ${this.store.queue.length} judged`;
  }

  showDisputes() {
    const { disputed } = this.store;
    this.disputes.hidden = !disputed.length;
    fill(
      this.disputes,
      `≠ Coders disagree on ${count(disputed.length, "trial")}: `,
      disputed.map(({ trial }) =>
        el(
          "button",
          { type: "button", class: "link", "aria-label": `Trial ${trial}`, onclick: () => this.open(trial) },
          String(trial),
        ),
      ),
    );
  }

  /** What coders who disagree say of a trial, or null. */
  dispute(trial) {
    if (!trial || !this.store.isDisputed(trial)) return null;
    const said = disputeInWords(this.store.judgements(trial));
    return el("span", { class: "disagree" }, `≠ ${said}`);
  }

  letter(condition) {
    const position = this.info.conditions.indexOf(condition);
    return el("span", { class: "letter", "aria-hidden": "true" }, position < 0 ? "" : conditionLetter(position));
  }

  queueRow({ trial, reasons }) {
    const about = this.store.trials.find((row) => row.trial === trial);
    const { condition, valid } = about ?? {};
    const verdict = this.store.verdict(trial)?.verdict ?? "open";
    const before = this.store.verdictBefore(trial);
    return el(
      "li",
      {},
      el(
        "button",
        {
          type: "button",
          "aria-current": trial === this.store.selected ? "true" : null,
          onclick: () => this.open(trial),
        },
        el(
          "span",
          { class: `verdict ${verdict}` },
          before ? "look again" : verdict,
        ),
        this.letter(condition),
        el("span", { class: "queue-name" }, `${trial} `, nameOf(condition ?? "")),
        el("span", { class: "queue-valid" }, percent(valid)),
        this.dispute(about),
        el("span", { class: "queue-why" }, this.named([...(before ? [BEFORE[before.verdict]] : []), ...reasons].join("; "))),
      ),
    );
  }

  showDetail() {
    const { trial } = this;
    if (!trial) {
      fill(
        this.detail,
        el(
          "p",
          {},
          "Choose a trial, or press ",
          el("kbd", {}, "N"),
          " for the next one. It plays in a loop; then accept or reject it.",
        ),
        el(
          "div",
          { class: "actions" },
          this.button("Next trial", "N", () => this.next(1, true), "main"),
        ),
      );
      return;
    }
    const entry = this.store.verdict(trial.trial);
    const before = this.store.verdictBefore(trial.trial);
    const others = trial.reviews.filter(({ coder }) => coder !== this.store.review.coder);
    const why = this.store.queue.find((row) => row.trial === trial.trial)?.reasons ?? [];
    const [happy] = Object.entries(trial.means ?? {}).sort((a, b) => (b[1] ?? 0) - (a[1] ?? 0));
    fill(
      this.detail,
      el("h3", {}, `Trial ${trial.trial} · `, nameOf(trial.condition), this.letter(trial.condition)),
      el(
        "p",
        { class: "soft" },
        `${seconds(trial.start, 2)} to ${seconds(trial.stop, 2)} · ${percent(trial.valid)} valid · `,
        trial.dominant
          ? `${trial.dominant}${happy ? ` (mean of ${happy[0]} ${percent(happy[1])})` : ""}`
          : "no values",
      ),
      why.length
        ? el(
            "ul",
            { class: "why" },
            why.map((reason) => el("li", {}, this.named(reason))),
          )
        : null,
      entry ? this.verdictLine(entry) : null,
      this.dispute(trial),
      before
        ? el("p", { class: "said rejected" }, `You ${BEFORE[before.verdict].replace(" before", " it before")}: it does not count. Judge it again.`)
        : null,
      others.map((other) =>
        el(
          "p",
          { class: "soft" },
          nameOf(other.coder),
          `: ${other.lapsed ? BEFORE[other.verdict] : other.verdict}`,
          other.reason ? ": " : null,
          other.reason ? nameOf(other.reason) : null,
        ),
      ),
      el(
        "div",
        { class: "actions" },
        this.button("Accept", "A", () => this.accept(), "good"),
        this.button("Reject …", "R", () => this.openForm(), "bad"),
        this.button("Back", "P", () => this.next(-1)),
        this.button("Next", "N", () => this.next(1)),
        entry ? this.button("Reopen", "O", () => this.reopen()) : null,
      ),
    );
  }

  verdictLine({ verdict, reason, note }) {
    return el(
      "p",
      { class: `said ${verdict}` },
      `You ${verdict} it`,
      reason ? ": " : null,
      reason ? nameOf(reason) : null,
      note ? " · " : null,
      note ? nameOf(note) : null,
    );
  }

  button(text, key, act, kind = "") {
    const writes = ["Accept", "Reject …", "Reopen"].includes(text);
    return el(
      "button",
      { type: "button", class: kind, onclick: act, disabled: writes && this.store.readOnly },
      `${text} `,
      el("kbd", {}, key),
    );
  }

  makeForm() {
    this.keyed = new Map(this.reasons.map((reason, i) => [REASON_KEYS[i], reason]));
    this.keyed.set(OTHER_KEY, OTHER);
    const choices = [...this.keyed].map(([key, reason]) =>
      el(
        "label",
        {},
        el("input", { type: "radio", name: "reason", value: reason, onchange: () => this.chose(reason) }),
        el("kbd", {}, key.toUpperCase()),
        ` ${reason}`,
      ),
    );
    this.text = el("input", {
      type: "text",
      id: "reason-text",
      maxLength: 200,
      "aria-label": "Another reason",
      placeholder: "another reason",
      oninput: () => this.choose(OTHER),
    });
    this.note = el("input", {
      type: "text",
      id: "reason-note",
      maxLength: 2000,
      placeholder: "note (may stay empty)",
      "aria-label": "Note",
    });
    const form = el(
      "form",
      {
        id: "reject",
        hidden: true,
        "aria-label": "Reject the trial",
        onsubmit: (event) => this.reject(event),
      },
      el("fieldset", {}, el("legend", {}, "Why is the trial rejected?"), choices),
      this.text,
      this.note,
      el(
        "div",
        { class: "actions" },
        el("button", { type: "submit", class: "bad" }, "Reject ", el("kbd", {}, "Enter")),
        el("button", { type: "button", onclick: () => this.cancel() }, "Cancel ", el("kbd", {}, "Esc")),
      ),
    );
    return form;
  }

  choose(reason) {
    const radio = [...this.form.elements.reason].find(({ value }) => value === reason);
    if (radio) radio.checked = true;
    return radio;
  }

  chose(reason) {
    if (reason === OTHER) this.text.focus();
  }

  get formIsOpen() {
    return !this.form.hidden;
  }

  openForm() {
    if (!this.trial || this.store.readOnly || formIsOpen()) return;
    [this.goOn, this.giveFocus] = [holdPlayer(this.player), holdFocus(byId("timeline"))];
    const entry = this.store.verdict(this.trial.trial);
    const known = this.reasons.includes(entry?.reason);
    this.form.reset();
    this.form.hidden = false;
    this.form.dataset.form = "open";
    this.place.classList.add("rejecting");
    const wanted = entry?.reason ? (known ? entry.reason : OTHER) : null;
    this.text.value = entry?.reason && !known ? entry.reason : "";
    this.note.value = (entry?.note ?? "").replaceAll("\n", " / ");
    (this.choose(wanted) ?? this.form.elements.reason[0]).focus();
  }

  closeForm() {
    if (!this.formIsOpen) return;
    this.form.hidden = true;
    this.form.dataset.form = "";
    this.place.classList.remove("rejecting");
    this.giveFocus();
  }

  /** Leave the trial as it is; what played goes on. */
  cancel() {
    if (!this.formIsOpen) return;
    this.closeForm();
    this.goOn();
  }

  /** Keys while the form is open, wherever the focus is. */
  formKey(event) {
    if (!this.formIsOpen || event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.querySelector("dialog[open]")) return;
    const writing = event.target.matches("input[type=text], input[type=search], textarea, select");
    const reason = this.keyed.get(event.key.toLowerCase());
    if (event.key === "Escape") this.cancel();
    else if (!writing && reason) {
      this.choose(reason).focus();
      if (reason === OTHER) this.text.focus();
      else this.note.focus();
    } else if (event.key === "Tab" && event.shiftKey && event.target === this.note && this.form.elements.reason.value !== OTHER) {
      (this.form.querySelector("[name=reason]:checked") ?? this.form.elements.reason[0]).focus();
    } else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  async reject(event) {
    event.preventDefault();
    const chosen = this.form.elements.reason.value;
    const reason = (chosen === OTHER ? this.text.value : chosen).trim();
    if (!reason) {
      this.askForReason(chosen === OTHER ? this.text : this.form.elements.reason[0]);
      return;
    }
    const { trial } = this.trial;
    const note = this.note.value.trim();
    const said = isolateNames(`Trial ${trial} rejected: ${reason}.${note ? ` Note: ${shortened(note)}` : ""}`, [reason, note]);
    if (await this.store.post({ kind: "trial", trial, verdict: "rejected", reason, note }, said)) {
      this.closeForm();
      this.list.focus({ preventScroll: true });
      this.onward();
    }
  }

  /** Go on to where a reason is given, and say so. */
  askForReason(control) {
    announce("Choose a reason first.", true);
    control.focus();
  }
}
