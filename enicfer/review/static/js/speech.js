// What is at the cursor, in one sentence: for the time axis, and said aloud by a screen reader when playing ends.

import { byId } from "./dom.js";
import { isolated, percent, seconds } from "./format.js";
import { statusWords } from "./stage.js";

const QUIET = 400; // ms without another step before a place is said

export class Speech {
  constructor({ frames, others, player, values, statuses, store }) {
    Object.assign(this, { frames, others, player, values, statuses, store });
    this.playing = false;
    player.changed.listen(() => {
      if (this.playing && !player.playing) this.say();
      this.playing = player.playing;
    });
    // The time axis tells its own value while it has the focus.
    player.moved.listen(() => !player.playing && document.activeElement !== byId("timeline") && this.say());
  }

  say() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.player.playing) byId("said").textContent = this.sentence();
    }, QUIET);
  }

  sentence() {
    const { frame, time } = this.player;
    const values = Object.entries(this.values.at(time) ?? {});
    const [most] = values.sort((a, b) => (b[1] ?? 0) - (a[1] ?? 0));
    const trial = this.store.trials.find(({ start, stop }) => time >= start && time < stop);
    return [
      `frame ${frame}`,
      Number.isFinite(time) ? seconds(time, 2) : "time unknown",
      statusWords(this.statuses, this.frames.status[frame]),
      most ? `${most[0]} ${percent(most[1])}` : null,
      this.others.of(frame).length ? `also seen: ${this.others.inWords(frame)}` : null,
      trial ? `trial ${trial.trial} ${isolated(trial.condition)}` : null,
    ]
      .filter(Boolean)
      .join(", ");
  }
}
