// Pain scores over time as a small SVG, with the trial marked.

import { button, h, svg } from "./dom.js";
import { clock, day } from "./format.js";

const HEIGHT = 210;
const MARGIN = { top: 22, right: 14, bottom: 30, left: 30 };
const HOUR = 3600 * 1000;
const HIGHEST = 10;

/**
 * Returns the plot as an element.
 *
 * @param scores [{time, value}] in milliseconds and points, in order of time
 * @param trials [{start, end}] in milliseconds
 */
export function painPlot(scores, trials) {
  const whole = padded(scores[0].time, scores.at(-1).time);
  const trial = trials.at(-1);
  const near = trial && { from: trial.start - 6 * HOUR, to: Math.max(trial.end + 6 * HOUR, trial.start + 24 * HOUR) };
  const canvas = h("div", { class: "plot-canvas" });
  let view = near ?? whole;
  const draw = () => canvas.replaceChildren(drawing(scores, trials, view, Math.max(280, canvas.clientWidth || 600)));
  new ResizeObserver(draw).observe(canvas);
  const choice = near && viewChoice((name) => {
    view = name === "trial" ? near : whole;
    draw();
  });
  return h("figure", { class: "plot" }, choice, canvas);
}

function viewChoice(onchoose) {
  const choices = [
    ["trial", "Around the trial"],
    ["all", "All scores"],
  ];
  const buttons = choices.map(([name, text], index) =>
    button(
      text,
      () => {
        buttons.forEach((each, at) => each.setAttribute("aria-pressed", String(at === index)));
        onchoose(name);
      },
      { "aria-pressed": String(index === 0) },
    ),
  );
  return h("div", { class: "segmented", role: "group", "aria-label": "Span of the plot" }, buttons);
}

function drawing(scores, trials, view, width) {
  const shown = scores.filter(({ time }) => time >= view.from && time <= view.to);
  const right = width - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const x = (time) => MARGIN.left + ((time - view.from) / (view.to - view.from)) * (right - MARGIN.left);
  const y = (score) => bottom - (score / HIGHEST) * (bottom - MARGIN.top);
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": inWords(shown, trials, view) },
    trials.filter(({ start, end }) => end >= view.from && start <= view.to).map(({ start, end }) => {
      const left = Math.max(MARGIN.left, x(start));
      return svg(
        "g",
        { class: "plot-trial" },
        svg("rect", { x: left, y: MARGIN.top, width: Math.max(3, Math.min(right, x(end)) - left), height: bottom - MARGIN.top }),
        svg("text", { x: Math.min(left, right - 28), y: MARGIN.top - 7 }, "Trial"),
      );
    }),
    [0, 2, 4, 6, 8, 10].map((score) =>
      svg(
        "g",
        { class: "plot-grid" },
        svg("line", { x1: MARGIN.left, x2: right, y1: y(score), y2: y(score) }),
        svg("text", { x: MARGIN.left - 8, y: y(score) + 4, "text-anchor": "end" }, String(score)),
      ),
    ),
    ticks(view, Math.floor((right - MARGIN.left) / 90)).map(({ time, text }) =>
      svg("text", { class: "plot-tick", x: x(time), y: HEIGHT - 9, "text-anchor": "middle" }, text),
    ),
    svg("polyline", { class: "plot-line", points: shown.map(({ time, value }) => `${x(time)},${y(value)}`).join(" ") }),
    shown.map(({ time, value }) =>
      svg(
        "circle",
        { class: "plot-point", cx: x(time), cy: y(value), r: shown.length > 60 ? 2 : 3.5 },
        svg("title", {}, `${value} on ${day(time)}, ${clock(time)}`),
      ),
    ),
  );
}

function padded(first, last) {
  const margin = Math.max(12 * HOUR, (last - first) * 0.03);
  return { from: first - margin, to: last + margin };
}

function ticks(view, most) {
  const span = view.to - view.from;
  const steps = [3, 6, 12, 24, 48, 7 * 24, 14 * 24, 28 * 24, 56 * 24, 112 * 24, 365 * 24].map((hours) => hours * HOUR);
  const step = steps.find((each) => span / each <= Math.max(2, most)) ?? steps.at(-1);
  const found = [];
  for (let time = Math.ceil(view.from / step) * step; time <= view.to; time += step) {
    const text = step < 24 * HOUR ? clock(time) : day(time).replace(/, \d{4}$/, "");
    found.push({ time, text });
  }
  return found;
}

function inWords(shown, trials, view) {
  if (!shown.length) return "No pain score in this span.";
  const values = shown.map(({ value }) => value);
  const marked = trials
    .filter(({ start, end }) => end >= view.from && start <= view.to)
    .map(({ start }) => ` Trial on ${day(start)} at ${clock(start)}.`)
    .join("");
  return (
    `${shown.length} pain scores from ${day(shown[0].time)} to ${day(shown.at(-1).time)}, ` +
    `lowest ${Math.min(...values)}, highest ${Math.max(...values)}.${marked} The table below lists them.`
  );
}
