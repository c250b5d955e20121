// Numbers, times and names as people read them. Times are seconds.

const UNKNOWN = "n/a";

export function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

export function percent(fraction, digits = 0) {
  return isNumber(fraction) ? `${(100 * fraction).toFixed(digits)} %` : UNKNOWN;
}

export function seconds(value, digits = 3) {
  return isNumber(value) ? `${value.toFixed(digits)} s` : UNKNOWN;
}

export function milliseconds(value, digits = 1) {
  return isNumber(value) ? `${(1000 * value).toFixed(digits)} ms` : UNKNOWN;
}

/** Minutes and seconds: 63.5 -> "1:03.5". */
export function minutes(value, digits = 1) {
  if (!isNumber(value)) return UNKNOWN;
  const sign = value < 0 ? "−" : "";
  const scale = 10 ** digits;
  const whole = Math.round(Math.abs(value) * scale);
  const rest = ((whole % (60 * scale)) / scale).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return `${sign}${Math.floor(whole / (60 * scale))}:${rest}`;
}

/** A date in the reader's own way of writing. */
export function date(text) {
  const parsed = new Date(text);
  return Number.isNaN(parsed.getTime())
    ? String(text)
    : parsed.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** A name inside a sentence that is no markup: its direction of writing does not turn what stands beside it. */
export function isolated(name) {
  return `\u2068${name}\u2069`;
}

/** A text with its end left out where it is long. */
export function shortened(text, most = 80) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** What coders who disagree say of a trial; `judgements` are [coder, verdict], this coder's own has the name "you". */
export function disputeInWords(judgements) {
  const said = judgements.map(([coder, verdict]) => `${coder === "you" ? coder : isolated(coder)} ${verdict}`);
  return `coders disagree: ${said.join(", ")}`;
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;

/** A sentence of the server with those of the names that are written from right to left isolated in it. */
export function isolateNames(sentence, names) {
  const turning = names.filter((name) => RIGHT_TO_LEFT.test(name));
  return turning.reduce((text, name) => text.replaceAll(name, isolated(name)), sentence);
}

/** "no_face" -> "no face". */
export function words(name) {
  return String(name ?? "").replaceAll("_", " ");
}

export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}
