// Colours that can be told from the ground they stand on. Colours are "#rrggbb".

const STATUS = {
  ok: "#2B6C8F",
  no_face: "#E6A359",
  other_person: "#823AAC",
  ambiguous_person: "#B783BC",
  pose: "#E5B749",
  blurred: "#96B587",
  dark: "#5E5E5E",
  occluded: "#9C361E",
  too_small: "#EBADAE",
  undecodable: "#262626",
  outside_recording: "#B4BBC3",
  not_analysed: "#D5D9DD",
  no_expression: "#8E96A0",
};
const LANE = 0.35; // of the line's colour in the ground of a lane

function channels(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

function luminance(color) {
  const [red, green, blue] = channels(color).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast of two colours as WCAG defines it, 1 to 21. */
function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function mix(color, other, share) {
  const ends = channels(other);
  const mixed = channels(color).map((value, i) => Math.round(value + share * (ends[i] - value)));
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/** The same function, which works out each answer once. */
function remembering(work) {
  const known = new Map();
  return (...asked) => {
    const key = asked.join(" ");
    if (!known.has(key)) known.set(key, work(...asked));
    return known.get(key);
  };
}

/** The colour, moved towards black or white until it stands out from the ground. */
export const visible = remembering((color, ground, wanted = 3) => {
  const away = luminance(ground) > 0.2 ? "#000000" : "#ffffff";
  let found = color;
  for (let share = 0; contrast(found, ground) < wanted && share < 1; share += 0.05) found = mix(color, away, share);
  return found;
});

/** The ground of a lane of the time axis. */
export function laneGround({ paper, line }) {
  return mix(paper, line, LANE);
}

/** Black or white, whichever is easier to read on this colour. */
export const inkOn = remembering((color) =>
  contrast("#000000", color) >= contrast("#ffffff", color) ? "#000000" : "#ffffff",
);

/** The colours of the page as it looks now, light or dark. */
export function pageColors() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(`--${name}`).trim();
  return Object.fromEntries(
    ["ink", "soft", "line", "paper", "ground", "accent", "alert", "good"].map((name) => [name, get(name)]),
  );
}

export function statusColor(name, ground, wanted = 3) {
  return visible(STATUS[name] ?? "#808080", ground, wanted);
}

/** Call `act` whenever the reader's system goes from light to dark or back. */
export function onSchemeChange(act) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", act);
}
