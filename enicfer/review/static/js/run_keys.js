// The keys of the session page.

import { byId } from "./dom.js";

const PAGE = 0.5; // of the view, for one press of Page up or Page down
const ZOOM = 0.6;

export function pageKeys(page, openHelp) {
  const { player, axis, trials, tabs, pointer, store, info, frames, text } = page;
  const around = () => {
    const { time } = player;
    return time >= axis.start && time <= axis.stop ? time : (axis.start + axis.stop) / 2;
  };
  const zoom = (factor) => axis.zoom(factor, around());
  const go = (id) => id && location.assign(`/run/${id}`);
  const seek = (frame) => {
    player.seek(frame);
    axis.keepInView(player.time);
  };
  const step = (by) => {
    player.step(by);
    axis.keepInView(player.time);
  };
  const inTrials = (act) => () => {
    tabs.open("trials");
    act();
  };
  const mark = () => {
    player.pause();
    tabs.open("sign");
    byId("mark-note").focus();
  };
  const takeBack = async () => {
    const undone = await store.undo();
    if (undone?.kind === "trial") trials.open(undone.trial);
  };
  return [
    { key: " ", says: "play, stop", act: () => player.toggle(), group: "Playing" },
    { key: "ArrowLeft", shift: false, says: "one frame back", act: () => step(-1), group: "Playing" },
    { key: "ArrowRight", shift: false, says: "one frame on", act: () => step(1), group: "Playing" },
    { key: "ArrowLeft", shift: true, says: "ten frames back", act: () => step(-10), group: "Playing" },
    { key: "ArrowRight", shift: true, says: "ten frames on", act: () => step(10), group: "Playing" },
    { key: "j", says: "slower", act: () => player.changeSpeed(-1), group: "Playing" },
    { key: "k", says: "normal speed", act: () => player.setSpeed(1), group: "Playing" },
    { key: "l", says: "faster", act: () => player.changeSpeed(1), group: "Playing" },
    { key: "[", says: "the loop begins here", act: () => player.setLoopEnd(0), group: "Playing" },
    { key: "]", says: "the loop ends here", act: () => player.setLoopEnd(1), group: "Playing" },
    { key: "Escape", says: "no loop; close a form", act: () => player.setLoop(null), group: "Playing" },
    { key: "Home", says: "first frame", act: () => seek(0), group: "Playing" },
    { key: "End", says: "last frame", act: () => seek(frames.n - 1), group: "Playing" },
    { key: ["+", "="], says: "show less of the time", act: () => zoom(ZOOM), group: "Time axis" },
    { key: ["-", "_"], says: "show more of it", act: () => zoom(1 / ZOOM), group: "Time axis" },
    { key: "0", says: "show all of it", act: () => axis.showAll(), group: "Time axis" },
    { key: "PageUp", says: "move to earlier times", act: () => axis.pan(-PAGE * axis.span), group: "Time axis" },
    { key: "PageDown", says: "move to later times", act: () => axis.pan(PAGE * axis.span), group: "Time axis" },
    { key: "s", says: "smoothed or raw curves", act: () => byId("smooth").click(), group: "Time axis" },
    { key: "n", shift: false, says: "next trial of the queue", act: inTrials(() => trials.next(1)), group: "Review" },
    { key: "p", shift: false, says: "the trial before it", act: inTrials(() => trials.next(-1)), group: "Review" },
    { key: "a", says: "accept the trial", act: inTrials(() => trials.accept()), group: "Review" },
    { key: "r", says: "reject the trial, with a reason", act: inTrials(() => trials.openForm()), group: "Review" },
    { key: "o", says: "make the trial open again", act: inTrials(() => trials.reopen()), group: "Review" },
    { key: "c", says: "point at a face in the picture", act: () => pointer.start("participant"), group: "Review" },
    { key: "m", says: "mark this frame", act: mark, group: "Review" },
    {
      key: "u",
      says: "take back the last entry",
      act: () => {
        takeBack();
      },
      group: "Review",
    },
    { key: "1", says: "trials", act: () => tabs.open("trials", true), group: "Page" },
    { key: "2", says: "whose face", act: () => tabs.open("face", true), group: "Page" },
    { key: "3", says: "clock", act: () => tabs.open("clock", true), group: "Page" },
    { key: "4", says: "sign off", act: () => tabs.open("sign", true), group: "Page" },
    { key: "n", shift: true, says: "next run of the study", act: () => go(info.next), group: "Page" },
    { key: "p", shift: true, says: "the run before it", act: () => go(info.previous), group: "Page" },
    { key: "b", says: "all runs", act: () => location.assign("/"), group: "Page" },
    { key: "t", says: "what the time axis shows, as text", act: () => text.open(), group: "Page" },
    { key: "?", says: "these keys", act: openHelp, group: "Page" },
  ];
}
