// Whose face was followed, and the corrections: who is the participant, who is not, who never is.

import { byId, el, fill, nameOf } from "./dom.js";
import { formIsOpen, holdPlayer } from "./forms.js";
import { count, percent, seconds } from "./format.js";
import { Thumbnails } from "./thumbnails.js";
import { whatToRun } from "./what_to_run.js";

export const KINDS = {
  participant: {
    says: "This is the participant",
    means: "From the next process-session on, the results follow this face.",
    done: "The participant is pointed at.",
  },
  not_participant: {
    says: "This is not the participant",
    means: "In this frame it is somebody else.",
    done: "Stored: here it is not the participant.",
  },
  never: {
    says: "Never this person",
    means: "In no frame is it the participant: a parent, for example.",
    done: "Stored: never this person.",
  },
};
/** What the second and the third correction lead to. */
export const WARNING =
  "The last two change no result: process-session warns if such a face was followed. Then point at the participant.";
const PADDING = 0.25; // of the face around a face

export class FacePanel {
  constructor({ store, player, source, frames, others, people, info, pointer }) {
    Object.assign(this, { store, player, source, frames, others, people, info, pointer });
    this.place = byId("panel-face");
    this.pictures = new Thumbnails(source);
    store.changed.listen(() => this.showCorrections());
    this.corrections = el("section", { id: "corrections", "aria-label": "Corrections" });
    this.show();
  }

  show() {
    const { people, others, others_known: known, ambiguous } = this.people;
    const there = this.info.video.state === "there";
    fill(
      this.place,
      there ? null : el("p", { class: "bad" }, "Without the video no faces can be shown."),
      this.whoWasSeen(),
      el(
        "div",
        { class: "actions" },
        el(
          "button",
          {
            type: "button",
            id: "point",
            disabled: this.store.readOnly || !there,
            onclick: () => this.pointer.start("participant"),
          },
          "Point at the participant ",
          el("kbd", {}, "C"),
        ),
      ),
      this.pictures.progress,
      this.pictures.failures,
      there ? people.slice(0, 1).map((person) => this.personRow(person)) : null,
      this.help(),
      there ? people.slice(1).map((person) => this.personRow(person)) : null,
      known || !there ? null : this.stretchRows("Other people are in the picture", others),
      there ? this.stretchRows("It is not certain who is the participant", ambiguous) : null,
      this.corrections,
    );
    this.showCorrections();
  }

  /** Participant and others in numbers, and how the participant was chosen. */
  whoWasSeen() {
    const { frames, others } = this;
    const share = (n) => `${count(n, "frame")} (${percent(n / Math.max(1, frames.n))})`;
    const { people, ambiguous } = this.people;
    const rows = [["participant", `${share(frames.nFollowed)}; ${this.info.identity?.text ?? "n/a"}`]];
    for (const { person, n_frames: n } of people)
      if (person !== "participant") rows.push([person.replace("other", "other person "), share(n)]);
    if (!others.known) rows.push(["other people", "not known: no record of all faces was kept"]);
    else if (people.length === 1) rows.push(["other people", "nobody for 10 frames or more"]);
    if (others.nBrief) rows.push(["unknown", `${count(others.nBrief, "face")} seen too briefly to tell whose`]);
    if (ambiguous.length) rows.push(["not certain", `${count(ambiguous.length, "stretch", "stretches")}, shown below`]);
    return el(
      "section",
      { id: "who", "aria-label": "Who was seen" },
      el("h3", {}, "Who was seen"),
      el(
        "dl",
        { class: "seen" },
        rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, nameOf(value))]),
      ),
    );
  }

  /** What each correction says, for the buttons below every strip of faces. */
  help() {
    return el(
      "div",
      { class: "help" },
      Object.entries(KINDS).map(([kind, { says, means }]) =>
        el("p", {}, el("strong", {}, says), ": ", el("span", { id: `means-${kind}` }, means)),
      ),
      el("p", {}, WARNING),
    );
  }

  personRow({ person, label, faces }) {
    const title = person === "participant" ? "Followed as the participant" : `Another person: ${label}`;
    if (!faces.length)
      return el("section", {}, el("h3", {}, title), el("p", { class: "soft" }, "No face of this person."));
    const strip = el("div", { class: "strip", role: "group", "aria-label": `Faces over time: ${title}` });
    const actions = el("div", { class: "actions small", role: "group", "aria-label": `The chosen face: ${title}` });
    const choose = (chosen) => {
      this.closeAsk();
      [...strip.children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === chosen)));
      fill(
        actions,
        Object.keys(KINDS).map((kind) => this.correctButton(kind, faces[chosen])),
      );
    };
    fill(
      strip,
      faces.map((face, i) =>
        this.faceButton(face, () => {
          this.player.pause();
          this.player.seek(face.frame);
          choose(i);
        }),
      ),
    );
    choose(0);
    return el("section", { class: "person" }, el("h3", {}, title), strip, actions);
  }

  faceButton({ frame, box }, act) {
    return el(
      "button",
      { type: "button", class: "face", "aria-label": `Face in frame ${frame}`, title: `frame ${frame}`, onclick: act },
      this.pictures.place(frame, { width: 96, box: this.around(box) }),
    );
  }

  around([left, top, right, bottom]) {
    const [x, y] = [PADDING * (right - left), PADDING * (bottom - top)];
    return [
      Math.max(0, left - x),
      Math.max(0, top - y),
      Math.min(this.info.video.width ?? Infinity, right + x),
      Math.min(this.info.video.height ?? Infinity, bottom + y),
    ];
  }

  correctButton(kind, { frame, box: [left, top, right, bottom] }) {
    const entry = { kind, frame, x: (left + right) / 2, y: (top + bottom) / 2 };
    return el(
      "button",
      {
        type: "button",
        title: KINDS[kind].means,
        "aria-describedby": `means-${kind}`,
        disabled: this.store.readOnly,
        onclick: ({ currentTarget }) => this.correct(entry, currentTarget),
      },
      KINDS[kind].says,
    );
  }

  /** Store a correction; where it puts verdicts or a sign-off at stake, ask first. */
  correct(entry, button) {
    const { kind } = entry;
    const store = () => this.store.post(entry, KINDS[kind].done);
    const { text } = this.store.review.at_stake;
    this.closeAsk();
    if (!text) return store();
    if (formIsOpen()) return null;
    const goOn = holdPlayer(this.player);
    const end = (act) => {
      this.closeAsk();
      button.focus({ preventScroll: true });
      act();
    };
    const yes = el("button", { type: "button", class: "main", onclick: () => end(store) }, `${KINDS[kind].says} `, el("kbd", {}, "Enter"));
    this.ask = el(
      "div",
      {
        class: "ask",
        role: "group",
        "aria-label": "Store the correction?",
        "data-form": "open",
        onkeydown: (event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation();
          end(goOn);
        },
      },
      el("p", { class: "bad" }, text),
      el("div", { class: "actions small" }, yes, el("button", { type: "button", onclick: () => end(goOn) }, "Cancel ", el("kbd", {}, "Esc"))),
    );
    button.closest("section").append(this.ask);
    this.ask.scrollIntoView({ block: "nearest" });
    yes.focus({ preventScroll: true });
    return null;
  }

  closeAsk() {
    this.ask?.remove();
    this.ask = null;
  }

  stretchRows(title, stretches) {
    if (!stretches.length) return null;
    return el(
      "section",
      {},
      el("h3", {}, `${title}: ${count(stretches.length, "stretch", "stretches")}`),
      el(
        "div",
        { class: "strip", role: "group", "aria-label": title },
        stretches.map(({ frame_start: first, frame_stop: last, start, stop }) => {
          const middle = Math.floor((first + last) / 2);
          const says = `${seconds(start, 1)} to ${seconds(stop, 1)}`;
          return el(
            "button",
            {
              type: "button",
              class: "face whole",
              "aria-label": `Look at ${says}`,
              title: says,
              onclick: () => {
                this.player.pause();
                this.player.seek(middle);
              },
            },
            this.pictures.place(middle, { width: 128 }),
            el("span", {}, seconds(start, 1)),
          );
        }),
      ),
      el("p", { class: "soft" }, "Look at one, then point at the participant there."),
    );
  }

  showCorrections() {
    const own = this.store.corrections;
    const others = (this.people.corrections ?? []).filter(({ coder }) => coder !== this.store.review.coder);
    fill(
      this.corrections,
      el("h3", {}, own.length + others.length ? `Corrections: ${own.length + others.length}` : "No corrections"),
      el(
        "ul",
        {},
        [...own, ...others].map((entry) =>
          el(
            "li",
            {},
            el(
              "button",
              { type: "button", class: "link", onclick: () => this.player.seek(entry.frame) },
              `frame ${entry.frame}`,
            ),
            `: ${KINDS[entry.kind].says.toLowerCase()} (`,
            nameOf(entry.coder),
            ") ",
            own.includes(entry) && !this.store.readOnly
              ? el("button", { type: "button", class: "link", onclick: () => this.store.undo(entry.id) }, "take back")
              : null,
          ),
        ),
      ),
      own.length ? whatToRun(this.store) : null,
    );
  }
}
