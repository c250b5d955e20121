// How the trials of a condition are drawn: a hollow bar with a letter and a pattern, without a colour of its own, so that
// no condition is taken for an expression, whose segments are filled with colours.

const LETTERS = 26;
const PATTERNS = [() => {}, dots, uprights, levels, checks];
const LETTER_FONT = '700 10px system-ui, "Segoe UI", "Noto Sans", sans-serif';

/** A, B ... Z, A2, B2 ... by the place of the condition among those of the run. */
export function conditionLetter(position) {
  const letter = String.fromCharCode(65 + (position % LETTERS));
  return position < LETTERS ? letter : `${letter}${1 + Math.floor(position / LETTERS)}`;
}

/** Draw the bar of a trial at [left, top, width, height]; `pale` if it was rejected. */
export function drawCondition(pen, position, { ink, paper }, [left, top, width, height], { pale, letter }) {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  pen.globalAlpha = pale ? 0.45 : 1;
  pen.fillStyle = width < 4 ? ink : paper;
  pen.fillRect(left, top, width, height);
  pen.fillStyle = ink;
  pen.globalAlpha = pale ? 0.2 : 0.5;
  PATTERNS[position % PATTERNS.length](pen, left, top, width, height);
  pen.globalAlpha = pale ? 0.45 : 1;
  pen.strokeStyle = ink;
  pen.lineWidth = 2; // half of it is outside, and cut
  pen.strokeRect(left, top, width, height);
  if (letter) drawLetter(pen, conditionLetter(position), { ink, paper }, left + 3, top, height);
  pen.restore();
}

function drawLetter(pen, letter, { ink, paper }, left, top, height) {
  pen.font = LETTER_FONT;
  pen.textAlign = "left";
  const width = pen.measureText(letter).width;
  pen.fillStyle = paper;
  pen.fillRect(left - 1, top + 1, width + 2, height - 2);
  pen.fillStyle = ink;
  pen.fillText(letter, left, top + height / 2 + 0.5);
}

function dots(pen, left, top, width, height) {
  for (let x = left + 4; x < left + width; x += 6) pen.fillRect(x, top + height / 2 - 1, 2, 2);
}

function uprights(pen, left, top, width, height) {
  for (let x = left + 4; x < left + width; x += 4) pen.fillRect(x, top, 1, height);
}

function levels(pen, left, top, width, height) {
  for (let y = top + 2.5; y < top + height - 1; y += 3) pen.fillRect(left, y, width, 1);
}

function checks(pen, left, top, width, height) {
  const tall = height / 2;
  for (let i = 0; i * tall < width; i += 1) pen.fillRect(left + i * tall, top + (i % 2) * tall, tall, tall);
}
