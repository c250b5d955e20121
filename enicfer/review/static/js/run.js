// The session page of one run: fetches what is known of it and puts the parts together.

import { RunSource, runIdOfPage } from "./api.js";
import { TimeAxis } from "./axis.js";
import { Curves, FrameValues } from "./curves.js";
import { connection } from "./connection.js";
import { announce, byId, el, fill, nameOf } from "./dom.js";
import { percent } from "./format.js";
import { FrameTable } from "./frames.js";
import { listenToKeys, makeHelp } from "./keys.js";
import { NewResults } from "./new_results.js";
import { OtherFaces } from "./others.js";
import { ClockPanel } from "./panel_clock.js";
import { FacePanel, KINDS, WARNING } from "./panel_face.js";
import { SignPanel } from "./panel_sign.js";
import { TrialsPanel } from "./panel_trials.js";
import { ExactPictures } from "./pictures.js";
import { Player } from "./player.js";
import { Pointer } from "./pointer.js";
import { Proxy } from "./proxy.js";
import { pageKeys } from "./run_keys.js";
import { Speech } from "./speech.js";
import { Stage } from "./stage.js";
import { ReviewStore } from "./store.js";
import { Tabs } from "./tabs.js";
import { Timeline } from "./timeline.js";
import { TimelineText } from "./timeline_text.js";
import { Transport } from "./transport.js";
import { Values } from "./values.js";

const TERMS = [
  { title: "What a correction says", rows: Object.values(KINDS).map(({ says, means }) => [says, means]), more: WARNING },
];

async function fetchAll(source) {
  const [info, clock, others, segments, trials, pulses, queue, people, review] = await Promise.all([
    source.info(),
    source.clock(),
    source.others(),
    ...["segments", "trials", "pulses", "queue", "people", "review"].map((part) => source.get(part)),
  ]);
  return { info, clock, others, segments: segments.segments, trials, pulses, queue: queue.queue, people, review };
}

function showHeader({ info }, review) {
  document.title = `${info.name}: review`;
  fill(byId("title"), nameOf(info.name));
  const chip = (text, kind = "") => el("span", { class: `chip ${kind}` }, text);
  fill(
    byId("chips"),
    chip(`${percent(info.valid_fraction)} valid`, info.valid_fraction < 0.5 ? "bad" : ""),
    chip(`clock ${info.clock.verdict}`, { good: "good", poor: "bad", none: "bad" }[info.clock.verdict] ?? ""),
    review.signed ? chip("signed off", "good") : null,
    review.signed_before && !review.signed ? chip("signed before the participant was changed", "bad") : null,
    review.reopened && !review.signed ? chip("signed before the last verdict: sign again", "bad") : null,
    review.stale ? chip("process again", "bad") : null,
    info.read_only ? chip("read-only") : null,
    info.blur_others ? chip("others covered") : null,
    info.camera ? chip(nameOf(`camera ${info.camera}`)) : null,
    chip(nameOf(info.coder)),
  );
  const link = (id, text, key) => (id ? el("a", { href: `/run/${id}` }, `${text} `, el("kbd", {}, key)) : null);
  const siblings = info.siblings.filter(({ id }) => id !== info.id);
  fill(
    byId("others"),
    siblings.map(({ id, name }) => el("a", { href: `/run/${id}` }, nameOf(name))),
    link(info.previous, "Previous", "Shift P"),
    link(info.next, "Next", "Shift N"),
  );
}

function build(source, known) {
  const { info } = known;
  const frames = new FrameTable(known.clock);
  const others = new OtherFaces(known.others);
  const onTime = (pulse) => ({ ...pulse, time: frames.time[frames.clip(pulse.frame)] });
  const pulses = { ...known.pulses, unmatched_video: known.pulses.unmatched_video.map(onTime) };
  const axis = new TimeAxis(info.start, info.stop);
  const video = byId("video");
  const hasVideo = info.video.state === "there";
  const proxy = new Proxy(source, video);
  let stage = null;
  const pictures = new ExactPictures(source, () => stage.pictureWidth());
  const player = new Player({ frames, proxy, pictures, video, hasVideo });
  const store = new ReviewStore(source, {
    review: known.review,
    trials: known.trials.trials,
    queue: known.queue,
    readOnly: info.read_only,
    whyReadOnly: info.read_only_why,
    followed: info.followed,
  });
  const curves = new Curves(source, axis, () => Math.max(200, byId("timeline").clientWidth));
  const values = new FrameValues(source, axis, info.labels);
  const parts = {
    info,
    frames,
    others,
    axis,
    player,
    proxy,
    store,
    curves,
    values,
    statuses: info.statuses,
    source,
    pulses,
    segments: known.segments,
  };
  stage = new Stage(parts);
  parts.speech = new Speech(parts);
  const timeline = new Timeline(parts);
  new Values(parts);
  new Transport(parts);
  const trials = new TrialsPanel(parts);
  const pointer = new Pointer({ ...parts, stage });
  const face = new FacePanel({ ...parts, people: known.people, pointer });
  const clock = new ClockPanel(parts);
  const text = new TimelineText(parts);
  const tabs = new Tabs(["trials", "face", "clock", "sign"], (name) => {
    face.pictures.show(name === "face");
    clock.pictures.show(name === "clock");
    if (name !== "trials") trials.closeForm();
    if (name !== "face") face.closeAsk();
  });
  new SignPanel({
    ...parts,
    judge: () => {
      tabs.open("trials");
      trials.next(1, true);
    },
    done: () => {
      tabs.open("trials");
      trials.list.focus({ preventScroll: true });
    },
  });
  curves.failed.listen((error) => announce(error.message, true));
  store.picked.listen(() => {
    pointer.stop();
    tabs.open("trials");
  });
  store.changed.listen(() => showHeader(known, store.review));
  new NewResults(store);
  return { ...parts, stage, timeline, trials, pointer, tabs, text, hasVideo, info };
}

function useSmoothing(page) {
  const box = byId("smooth");
  byId("smooth-label").hidden = !page.info.has.smoothed;
  box.addEventListener("change", () => {
    const series = box.checked ? "smoothed" : "raw";
    page.curves.use(series);
    page.values.use(series);
    page.player.moved.send(page.player.frame);
  });
}

/** What was asked in vain while the server was away is asked again. */
function comeBack({ store, player, proxy, hasVideo }) {
  store.refresh();
  if (!player.playing) player.seek(player.frame);
  if (hasVideo && byId("video").error) proxy.loadAnew();
}

async function open() {
  const source = new RunSource(runIdOfPage());
  const known = await fetchAll(source);
  connection.restart = known.info.restart;
  showHeader(known, known.review);
  const page = build(source, known);
  useSmoothing(page);
  const rows = pageKeys(page, () => help());
  const help = makeHelp(rows, page.player, TERMS);
  listenToKeys(rows);
  page.curves.fetchView();
  page.player.seek(page.frames.from(Math.max(0, page.axis.first)));
  if (page.hasVideo) page.proxy.start();
  const told = [known.info.read_only_why, ...known.review.notes].filter(Boolean);
  if (told.length) announce(told.join(" "), true);
  connection.back.listen(() => comeBack(page));
  byId("timeline").focus({ preventScroll: true });
  document.body.dataset.ready = "true";
}

open().catch((error) => {
  document.title = "Review";
  fill(byId("title"), "This run cannot be shown");
  announce(error.message, true);
  byId("notice").classList.add("kept");
});
