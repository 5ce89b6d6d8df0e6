/* spark.tsx - a minute of round trips as a small line. A gap is a gap. */
import { TRACE_POINTS, traceOf } from "./trace";

const WIDTH = 120;
const HEIGHT = 28;

const SPAN_MS = 12; /* at least, so that a quiet way looks quiet */

function draw(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  const least = Math.min(...known);
  const span = Math.max(SPAN_MS, Math.max(...known) - least);
  const from = least - (span - (Math.max(...known) - least)) / 2;
  let pen = "M";
  return values
    .map((value, i) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const x = ((TRACE_POINTS - values.length + i) / (TRACE_POINTS - 1)) * WIDTH;
      const y = HEIGHT - 2 - ((value - from) / span) * (HEIGHT - 4);
      const step = `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
      pen = "L";
      return step;
    })
    .join("");
}

export function Spark({ id }: { id: string }) {
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path d={draw(traceOf(id))} vector-effect="non-scaling-stroke" />
    </svg>
  );
}
