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

/** "no_face" -> "no face". */
export function words(name) {
  return String(name ?? "").replaceAll("_", " ");
}

export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}
