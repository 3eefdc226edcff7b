// What the page does beside htmx: it rests while nobody looks, says when the daemon is silent, and
// draws the charts. Nothing is fetched from anywhere else.
"use strict";

const silent = () => document.getElementById("silent");

document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden) event.preventDefault();
});
document.addEventListener("htmx:error", () => { silent().hidden = false; });
document.addEventListener("htmx:after:request", () => { silent().hidden = true; });

// -- the charts -----------------------------------------------------------------------------------

const charts = [];
let drawnHead = null;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const places = (value) => (value == null ? "–" : value.toFixed(3));
const size = (value) => {
  if (value == null) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < units.length - 1) { value /= 1000; unit += 1; }
  return `${value.toFixed(unit ? 1 : 0)} ${units[unit]}`;
};
const line = (label, name, value, more = {}) => ({
  label, stroke: colour(name), width: 2, value: (_, found) => value(found), spanGaps: true,
  points: { size: 6 }, ...more,
});

function axes(value, width) {
  const common = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 } };
  const whole = (_, found) => found.map((each) => (Number.isInteger(each) ? each : ""));
  return [{ ...common, values: whole }, { ...common, size: width, values: (_, found) => found.map(value) }];
}

function drawn(id, series, columns, value, range, width = 56, bands = undefined) {
  const place = document.getElementById(id);
  const options = {
    width: place.clientWidth, height: 220, series, bands, axes: axes(value, width),
    scales: { x: { time: false }, y: { range }, rows: { auto: true } }, cursor: { y: false },
    hooks: { setLegend: [(chart) => { if (chart.cursor.idx == null) showLast(chart); }] },
  };
  place.replaceChildren();
  const chart = new uPlot(options, columns, place);
  charts.push([place, chart]);
  showLast(chart);
}

// The legend, where no round is pointed at.
function showLast(chart) {
  const last = chart.data[0].length - 1;
  if (last >= 0 && chart.legend.idx !== last) chart.setLegend({ idx: last }, false);
}

const fromZero = (_, low, high) => [0, high > 0 ? high * 1.05 : 1];

function draw(found) {
  charts.splice(0).forEach(([, chart]) => chart.destroy());
  const x = { label: "round", value: (_, value) => value };
  const rows = { label: "rows", show: true, width: 0, points: { show: false }, scale: "rows",
    value: (_, value) => value ?? "–" };
  const edge = (label, name) => line(label, name, places, { width: 0, points: { show: false } });
  drawn("chart-accuracy",
    [x, line("group", "--link", places), edge("at most", "--soft"), edge("at least", "--soft"),
      line("here", "--good", places, { dash: [5, 4] }), rows],
    [found.round, found.accuracy, found.high, found.low, found.here, found.rows],
    (value) => value.toFixed(1), [0, 1.02], 44, [{ series: [2, 3], fill: colour("--band") }]);
  drawn("chart-loss", [x, line("loss", "--link", places), rows],
    [found.round, found.loss, found.rows], (value) => String(value), fromZero);
  drawn("chart-bytes",
    [x, line("received", "--link", size), line("sent", "--good", size, { dash: [5, 4] })],
    [found.round, found.received, found.sent], size, fromZero, 72);
  describe(found);
}

// What a chart shows, for who does not see it.
function describe(found) {
  const last = (values) => values.filter((value) => value != null).at(-1);
  const rounds = found.round.length ? `rounds ${found.round[0]} to ${found.round.at(-1)}` : "no round";
  const say = (id, text) => document.getElementById(id).setAttribute("aria-label", text);
  say("chart-accuracy", `Accuracy of the group, ${rounds}; the last is ${places(last(found.accuracy))},`
    + ` over ${last(found.rows) ?? 0} rows; here ${places(last(found.here))}.`);
  say("chart-loss", `Loss of the group, ${rounds}; the last is ${places(last(found.loss))}.`);
  say("chart-bytes", `Bytes of a round, ${rounds}; the last received ${size(last(found.received))},`
    + ` sent ${size(last(found.sent))}.`);
}

async function refresh() {
  const marked = document.querySelector("#rounds [data-head]");
  if (document.hidden || !document.getElementById("chart-accuracy") || !marked) return;
  if (marked.dataset.head === drawnHead) return;
  const answer = await fetch("/data/rounds.json");
  if (!answer.ok) return;
  drawnHead = marked.dataset.head;
  draw(await answer.json());
}

document.addEventListener("htmx:after:swap", refresh);
document.addEventListener("DOMContentLoaded", refresh);
document.addEventListener("visibilitychange", refresh);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { drawnHead = null; refresh(); });
new ResizeObserver(() => charts.forEach(([place, chart]) => {
  if (place.clientWidth !== chart.width) chart.setSize({ width: place.clientWidth, height: 220 });
})).observe(document.documentElement);
