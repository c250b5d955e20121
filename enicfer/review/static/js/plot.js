// The probabilities over time, drawn by uPlot on the shared axis.

import uPlot from "../vendor/uPlot.esm.js";
import { onSchemeChange, pageColors, visible } from "./colors.js";

export const GUTTER = 104; // px for names, left of everything on the time axis
export const RIGHT = 12; // px free on the right

const STEPS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
]; // s

const FONT = '12px system-ui, "Segoe UI", "Noto Sans", sans-serif';

export class Plot {
  constructor(place, { axis, curves, info }) {
    Object.assign(this, { place, axis, curves, info });
    this.size = { width: 400, height: 120 };
    this.make();
    axis.changed.listen(() => this.show());
    curves.changed.listen(() => this.setData());
    onSchemeChange(() => this.make());
  }

  make() {
    this.chart?.destroy();
    const { ink, line, paper } = pageColors();
    const look = {
      stroke: ink,
      font: FONT,
      grid: { stroke: line, width: 1 },
      ticks: { stroke: line, width: 1, size: 4 },
    };
    const series = this.info.labels.map((label) => ({
      label,
      stroke: visible(this.info.colors[label] ?? "#808080", paper),
      width: 1.75,
      points: { show: false },
    }));
    const options = {
      ...this.size,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, RIGHT, 0, 0],
      scales: { x: { time: false, range: () => [this.axis.start, this.axis.stop] }, y: { range: [0, 1] } },
      axes: [
        { ...look, size: 26, gap: 3, incrs: STEPS, space: 70, values: (chart, ticks) => labelTimes(ticks) },
        { ...look, size: GUTTER, gap: 6, splits: () => [0, 0.5, 1], values: () => ["0 %", "50 %", "100 %"] },
      ],
      series: [{}, ...series],
    };
    this.chart = new uPlot(options, this.columns(), this.place);
  }

  columns() {
    const { data } = this.curves;
    if (!data) return [[], ...this.info.labels.map(() => [])];
    return [data.time, ...this.info.labels.map((label) => data.probability[label])];
  }

  setData() {
    this.chart.setData(this.columns(), false);
    this.show();
  }

  show() {
    this.chart.setScale("x", { min: this.axis.start, max: this.axis.stop });
  }

  resize(width, height) {
    if (width === this.size.width && height === this.size.height) return;
    this.size = { width, height };
    this.chart.setSize(this.size);
    this.show();
  }
}

/** Seconds up to a minute and a half, minutes and seconds beyond. */
function labelTimes(ticks) {
  const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : 1;
  const digits = Math.max(0, Math.min(3, Math.ceil(-Math.log10(step) - 1e-9)));
  if (Math.max(...ticks.map(Math.abs)) < 90) return ticks.map((tick) => `${tick.toFixed(digits)} s`);
  return ticks.map((tick) => {
    const left = Math.abs(tick);
    const whole = Math.floor(left / 60 + 1e-9);
    const rest = Math.max(0, left - 60 * whole)
      .toFixed(digits)
      .padStart(digits ? digits + 3 : 2, "0");
    return `${tick < 0 ? "−" : ""}${whole}:${rest}`;
  });
}
