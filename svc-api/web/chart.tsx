/* chart.tsx - lines over time, drawn by uPlot in the page's colours. A gap in the data is a gap. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useTheme } from "./theme";

export interface Line {
  label: string;
  values: (number | null)[];
  tone: "accent" | "warm" | "bad" | "soft";
}

interface ChartProps {
  title: string;
  times: number[]; /* seconds since 1970 */
  lines: Line[];
  format: (value: number | null) => string;
  range: { from: number; to: number };
  least: number; /* the top of the scale, where values do not reach it */
}

const HEIGHT = 170;
const DAY_S = 86400;
const STAMP = {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
} as const;

/* A time of day, or the day where the range is of several. */
function clock(at: number, range: { from: number; to: number }): string {
  const date = new Date(at * 1000);
  if (range.to - range.from > DAY_S)
    return date.toLocaleDateString([], { month: "short", day: "numeric" });
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/* Colours of both themes are in style.css; the canvas has to be told. */
function colour(box: Element, tone: string): string {
  const probe = document.createElement("i");
  probe.className = `tone-${tone}`;
  box.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/* Values between two gaps, which no line goes through: they are dots. */
function alone(plot: uPlot, series: number): number[] | null {
  const values = plot.data[series] ?? [];
  const found = Array.from(values.keys()).filter(
    (i) => values[i] != null && values[i - 1] == null && values[i + 1] == null,
  );
  return found.length > 0 ? found : null;
}

/* What a chart is made of stays; its range and data change, so they are looked up. */
function options(box: HTMLElement, latest: { current: ChartProps }): uPlot.Options {
  const props = latest.current;
  const soft = colour(box, "quiet");
  const grid = { stroke: colour(box, "line"), width: 1 };
  const font = "12px ui-monospace, Menlo, Consolas, monospace";
  return {
    width: box.clientWidth,
    height: HEIGHT,
    padding: [14, 22, 0, 0],
    legend: { live: true },
    cursor: { points: { size: 6 }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: () => [latest.current.range.from, latest.current.range.to] },
      y: { range: (_plot, _least, most) => [0, Math.max(props.least, (most ?? 0) * 1.1)] },
    },
    axes: [
      {
        stroke: soft,
        grid: { show: false },
        ticks: { show: false },
        font,
        values: (_plot, splits) => splits.map((at) => clock(at, latest.current.range)),
      },
      {
        stroke: soft,
        grid,
        ticks: { show: false },
        font,
        size: 78,
        values: (_plot, splits) => splits.map((value) => props.format(value)),
      },
    ],
    series: [
      {
        label: "at",
        value: (_plot: uPlot, at: number | null) =>
          at === null ? "-" : new Date(at * 1000).toLocaleString([], STAMP),
      },
      ...props.lines.map((line) => ({
        label: line.label,
        stroke: colour(box, line.tone),
        width: 1.75,
        points: { show: false, size: 4, fill: colour(box, line.tone), filter: alone },
        value: (_plot: uPlot, value: number | null) => props.format(value),
      })),
    ],
  };
}

function dataOf({ times, lines }: ChartProps): uPlot.AlignedData {
  return [times, ...lines.map((line) => line.values)];
}

/* Drawn anew only where the theme is another, so that what the pointer shows stays. */
export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(props);
  const theme = useTheme();
  latest.current = props;
  useEffect(() => {
    const here = box.current;
    if (!here) return;
    const plot = new uPlot(options(here, latest), dataOf(latest.current), here);
    chart.current = plot;
    const resize = new ResizeObserver(() =>
      plot.setSize({ width: here.clientWidth, height: HEIGHT }),
    );
    resize.observe(here);
    return () => {
      chart.current = null;
      resize.disconnect();
      plot.destroy();
    };
  }, [theme]);
  useEffect(() => {
    chart.current?.setData(dataOf(latest.current));
  }, [props.times, props.lines]);
  return (
    <figure class="chart">
      <figcaption>{props.title}</figcaption>
      <div ref={box} />
    </figure>
  );
}
