// The study page: every run, those in need of attention first.

import { getStudy } from "./api.js";
import { connection } from "./connection.js";
import { announce, byId, el, fill, nameOf } from "./dom.js";
import { count, date, percent } from "./format.js";
import { listenToKeys, makeHelp } from "./keys.js";

const COLUMNS = [
  { name: "Needs attention", of: (run) => -run.attention },
  { name: "Run", of: (run) => run.name },
  { name: "Valid frames", of: (run) => run.valid_fraction ?? -1 },
  { name: "Clock", of: (run) => ["none", "poor", "fair", "good"].indexOf(run.clock.verdict) },
  { name: "Whose face", of: (run) => run.identity?.certain_fraction ?? -1 },
  { name: "Trials without values", of: (run) => -run.n_trials_without_values / Math.max(1, run.n_trials) },
  { name: "Accepted, rejected", of: (run) => run.n_accepted + run.n_rejected },
  { name: "Reviewed by", of: (run) => run.reviews.filter(({ signed }) => signed).length },
];

const JUST_UNSIGNED = 1; // the need of a run about which nothing is odd but that nobody signed it
const MUCH = 4; // the need that fills the bar, if no run needs more

const SHOWN = {
  all: () => true,
  open: (run) => !run.reviews.some(({ signed }) => signed),
  odd: (run) => run.attention > JUST_UNSIGNED,
  mine: (run, coder) => !run.reviews.some((review) => review.coder === coder && review.n_reviewed > 0),
  stale: (run) => run.stale,
};

class StudyPage {
  constructor(study) {
    this.study = study;
    this.order = { column: null, down: false };
    this.filters = { find: byId("find"), show: byId("show"), clock: byId("clock") };
    for (const filter of Object.values(this.filters)) filter.addEventListener("input", () => this.show());
    byId("filters").addEventListener("submit", (event) => {
      event.preventDefault();
      this.focus(0);
    });
    const most = Math.max(MUCH, ...study.runs.map(({ attention }) => attention));
    this.rows = study.runs.map((run) => ({ run, row: this.makeRow(run, most), text: textOf(run) }));
    this.head = el(
      "tr",
      {},
      COLUMNS.map((column, i) => this.headCell(column, i)),
    );
    this.body = el("tbody", {});
    fill(
      byId("table"),
      el(
        "table",
        {},
        el("caption", { class: "hidden" }, "Runs, those in need of attention first"),
        el(
          "colgroup",
          {},
          COLUMNS.map(() => el("col", {})),
        ),
        el("thead", {}, this.head),
        this.body,
      ),
    );
    this.showNotes();
    this.show();
  }

  headCell({ name }, i) {
    return el("th", { scope: "col" }, el("button", { type: "button", onclick: () => this.sortBy(i) }, name));
  }

  sortBy(column) {
    this.order = { column, down: this.order.column === column && !this.order.down };
    this.show();
  }

  sorted() {
    const { column, down } = this.order;
    if (column === null) return this.rows;
    const { of } = COLUMNS[column];
    const compare = (a, b) =>
      typeof a === "number" && typeof b === "number"
        ? a - b
        : String(a).localeCompare(String(b), undefined, { numeric: true });
    return [...this.rows].sort((a, b) => compare(of(a.run), of(b.run)) * (down ? -1 : 1));
  }

  show() {
    const { find, show, clock } = this.filters;
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = ({ run, text }) =>
      words.every((word) => text.includes(word)) &&
      SHOWN[show.value](run, this.study.coder) &&
      (!clock.value || run.clock.verdict === clock.value);
    const rows = this.sorted()
      .filter(wanted)
      .map(({ row }) => row);
    fill(
      this.body,
      rows.length
        ? rows
        : el("tr", {}, el("td", { colSpan: COLUMNS.length, class: "soft" }, "No run fits these filters.")),
    );
    byId("shown").textContent = `${rows.length} of ${count(this.rows.length, "run")}`;
    [...this.head.children].forEach((cell, i) => {
      if (i === this.order.column) cell.setAttribute("aria-sort", this.order.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
  }

  makeRow(run, most) {
    const bar = el("span", { class: "need" });
    bar.style.width = `${Math.round((100 * run.attention) / most)}%`;
    const { identity } = run;
    return el(
      "tr",
      { onclick: (event) => !event.target.closest("a") && location.assign(`/run/${run.id}`) },
      el(
        "td",
        { class: "attention" },
        el("span", { class: "need-track", "aria-hidden": "true" }, bar),
        run.why.length
          ? el(
              "ul",
              {},
              run.why.map((why) => el("li", {}, nameOf(why))),
            )
          : el("span", { class: "soft" }, "nothing odd"),
      ),
      el(
        "th",
        { scope: "row" },
        el("a", { href: `/run/${run.id}` }, nameOf(run.name)),
        " ",
        run.stale ? el("span", { class: "chip bad" }, "process again") : null,
        " ",
        run.has_video ? null : el("span", { class: "chip bad" }, "no video"),
        run.warnings.length
          ? el(
              "details",
              { onclick: (event) => event.stopPropagation() },
              el("summary", {}, count(run.warnings.length, "warning")),
              el(
                "ul",
                {},
                run.warnings.map((warning) => el("li", {}, nameOf(warning))),
              ),
            )
          : null,
      ),
      el("td", { class: run.valid_fraction < 0.5 ? "number bad" : "number" }, percent(run.valid_fraction)),
      el(
        "td",
        {},
        el(
          "span",
          { class: `chip ${{ good: "good", poor: "bad", none: "bad" }[run.clock.verdict] ?? ""}` },
          run.clock.verdict,
        ),
        el("span", { class: "soft" }, ` ${run.clock.text}`),
      ),
      el("td", {}, nameOf(identity?.text ?? "n/a")),
      el(
        "td",
        { class: run.n_trials_without_values ? "number bad" : "number" },
        `${run.n_trials_without_values} of ${run.n_trials}`,
      ),
      el("td", { class: "number" }, `${run.n_accepted}, ${run.n_rejected}`),
      el(
        "td",
        {},
        run.reviews.length ? el("ul", {}, run.reviews.map(reviewLine)) : el("span", { class: "soft" }, "nobody"),
      ),
    );
  }

  showNotes() {
    const { study } = this;
    const open = study.runs.filter(SHOWN.open).length;
    fill(
      byId("summary"),
      `${count(study.runs.length, "run")}, ${open} not signed off · reviewing as `,
      nameOf(study.coder),
      study.read_only ? " (read-only)" : "",
      ` · enicfer ${study.version}`,
    );
    byId("notes").hidden = !study.notes.length;
    fill(
      byId("notes"),
      el(
        "ul",
        {},
        study.notes.map((note) => el("li", {}, nameOf(note))),
      ),
    );
    byId("failed").hidden = !study.failed.length;
    fill(
      byId("failed"),
      el("h2", {}, "Cannot be reviewed"),
      el(
        "ul",
        {},
        study.failed.map(({ name, reason }) => el("li", {}, el("strong", {}, nameOf(name)), ": ", nameOf(reason))),
      ),
    );
  }

  get links() {
    return [...this.body.querySelectorAll("th a")];
  }

  focus(at) {
    const { links } = this;
    links[Math.max(0, Math.min(links.length - 1, at))]?.focus();
  }

  move(by) {
    const at = this.links.indexOf(document.activeElement);
    this.focus(at < 0 ? 0 : at + by);
  }
}

function textOf(run) {
  return [
    run.name,
    run.participant,
    run.session,
    run.task,
    ...run.why,
    ...run.warnings,
    ...run.reviews.map(({ coder }) => coder),
  ]
    .join(" ")
    .toLowerCase();
}

function reviewLine({ coder, n_reviewed: reviewed, n_rejected: rejected, signed, reopened }) {
  const left = signed?.unjudged?.length ? `, ${signed.unjudged.length} of the queue not judged` : "";
  const { name, at } = signed ?? reopened ?? {};
  const rest = signed ? left : ", before the last verdict or correction: sign again";
  const said = at ? ["signed by ", nameOf(name), ` ${date(at)}${rest}`] : ["not signed"];
  return el("li", {}, nameOf(coder), `: ${count(reviewed, "trial")}, ${rejected} rejected, `, said);
}

async function open() {
  const study = await getStudy();
  connection.restart = study.restart;
  const page = new StudyPage(study);
  const group = "Study page";
  const rows = [
    { key: ["ArrowDown", "j"], says: "next run", act: () => page.move(1), group },
    { key: ["ArrowUp", "k"], says: "the run before it", act: () => page.move(-1), group },
    { key: "Home", says: "first run", act: () => page.focus(0), group },
    { key: "End", says: "last run", act: () => page.focus(Infinity), group },
    { key: "Enter", says: "open the run", act: () => false, group },
    { key: "/", says: "find", act: () => byId("find").focus(), group },
    { key: "?", says: "these keys", act: () => help(), group },
  ];
  const help = makeHelp(rows);
  listenToKeys(rows);
  page.focus(0);
  document.body.dataset.ready = "true";
}

open().catch((error) => announce(error.message, true));
