// The review of this run as the server has stored it, its trials, and which trial is looked at.

import { announce } from "./dom.js";
import { Signal } from "./signal.js";

/** What an entry says, without a full stop. */
function entryInWords({ kind, trial, verdict, reason, frame }) {
  if (kind === "trial") return `Trial ${trial}: ${verdict === "open" ? "open again" : verdict}${reason ? ` (${reason})` : ""}`;
  if (kind === "signoff") return "Signed off";
  return `Frame ${frame}: ${{ mark: "marked", participant: "the participant", not_participant: "not the participant", never: "never this person" }[kind]}`;
}

export class ReviewStore {
  constructor(source, { review, trials, queue, readOnly, whyReadOnly, followed }) {
    Object.assign(this, { source, trials, queue, readOnly, whyReadOnly, followed });
    this.results = review.results;
    this.coder = review.coder;
    this.opened = review.n_entries; // said before this page was opened
    this.hold(review);
    this.otherCoder = null; // for whom the server was started anew, if not for the coder of this page
    this.selected = null;
    this.busy = false;
    this.changed = new Signal();
    this.picked = new Signal();
  }

  hold(review) {
    this.review = review;
    const judged = review.entries.filter(({ kind, verdict }) => kind === "trial" && verdict !== "open");
    this.verdicts = new Map(judged.filter(({ lapsed }) => !lapsed).map((entry) => [entry.trial, entry]));
    this.before = new Map(judged.filter(({ lapsed }) => lapsed).map((entry) => [entry.trial, entry]));
  }

  /** This coder's verdict of a trial, or undefined. */
  verdict(trial) {
    return this.verdicts.get(trial);
  }

  /** This coder's verdict of a trial from before the participant was changed, which does not count, or undefined. */
  verdictBefore(trial) {
    return this.before.get(trial);
  }

  /** Whether the session was processed again since this page was opened. */
  get hasNewResults() {
    return this.review.results !== this.results;
  }

  /** [coder, verdict] of everybody who judged a trial, of what counts; this coder, "you", first. */
  judgements({ trial, reviews }) {
    const own = this.verdict(trial);
    const others = reviews.filter(({ coder, lapsed, verdict }) => coder !== this.review.coder && !lapsed && verdict !== "open");
    return [
      ...(own ? [["you", own.verdict]] : []),
      ...others.map(({ coder, verdict }) => [coder, verdict]),
    ];
  }

  /** Whether one coder accepted a trial and another one rejected it. */
  isDisputed(trial) {
    return new Set(this.judgements(trial).map(([, verdict]) => verdict)).size > 1;
  }

  /** Trials on which coders disagree. */
  get disputed() {
    return this.trials.filter((trial) => this.isDisputed(trial));
  }

  /** How many trials this coder has accepted, rejected, and not judged. */
  get counts() {
    const verdicts = this.trials.map(({ trial }) => this.verdict(trial)?.verdict ?? "open");
    const of = (wanted) => verdicts.filter((verdict) => verdict === wanted).length;
    return { accepted: of("accepted"), rejected: of("rejected"), open: of("open") };
  }

  /** Trials of the queue that this coder has not judged. */
  get unjudged() {
    return this.queue.map(({ trial }) => trial).filter((trial) => !this.verdict(trial));
  }

  get corrections() {
    return this.review.entries.filter(({ kind }) => ["participant", "not_participant", "never"].includes(kind));
  }

  /** Store an entry; what the server answers once it has it on its disk, else null. `sentence` is text, or makes it of the answer. */
  async post(entry, sentence) {
    if (this.readOnly) {
      announce(this.whyReadOnly || "This review is read-only: nothing is stored.", true);
      return null;
    }
    if (this.busy) {
      announce("The entry before is still being stored: do this again.", true);
      return null;
    }
    this.busy = true;
    try {
      const judges = entry.kind === "trial" || entry.kind === "signoff";
      const answer = await this.source.post(judges ? { ...entry, followed: this.followed } : entry, this.coder);
      this.hold(answer.review);
      const more = this.whatElse(answer);
      const said = typeof sentence === "function" ? sentence(answer) : sentence;
      announce([said, ...more].join(" "), false, more.length > 0);
      return answer;
    } catch (error) {
      announce(`Not stored. ${error.message}`, true);
      if (error.kind === "coder" || entry.kind === "undo") this.refresh();
      return null;
    } finally {
      this.busy = false;
      this.changed.send();
    }
  }

  /** What the person has to know of an entry that was stored. */
  whatElse({ entry, review, told }) {
    const more = [...told];
    if (entry.kind === "participant" && review.stale) more.push(`Now run: ${review.command}`);
    return more;
  }

  /** Ask again what is stored: after the server was away it may be something else. */
  async refresh() {
    try {
      const review = await this.source.get("review");
      if (review.coder !== this.coder) {
        this.otherCoder = review.coder;
        this.changed.send();
        return;
      }
      // What is made anew loses a click or a selection in it.
      const same = JSON.stringify({ ...review, said: this.review.said }) === JSON.stringify(this.review);
      this.hold(review);
      if (same) return;
      this.changed.send();
    } catch {
      // It went away again: its return asks once more.
    }
  }

  /** Take back an entry, or else the last one that was stored since this page was opened; the entry, or null. */
  async undo(wanted = null) {
    const { last } = this.review;
    if (!wanted && !this.readOnly && (!last || last.number < this.opened)) {
      announce("There is nothing of this page to take back. To change what was said before, judge again.");
      return null;
    }
    const answer = await this.post(
      { kind: "undo", entry: wanted ?? last?.id ?? "" },
      ({ undone }) => `${entryInWords(undone)}, taken back.`,
    );
    return answer?.undone ?? null;
  }

  select(trial) {
    this.selected = trial;
    this.picked.send(trial);
    this.changed.send();
  }

  /** The trial after the selected one in the queue that is still to be judged, or simply the next one. */
  neighbour(by, openOnly = false) {
    const order = this.queue.map(({ trial }) => trial);
    const at = order.indexOf(this.selected);
    for (let i = 1; i <= order.length; i += 1) {
      const candidate = order[(at + by * i + order.length * (i + 1)) % order.length];
      if (!openOnly || !this.verdict(candidate)) return candidate;
    }
    return null;
  }
}
