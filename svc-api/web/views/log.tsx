/* log.tsx - the ends of the services' logs, merged or of one, followed. */
import { useEffect, useRef, useState } from "preact/hooks";
import { useFetched } from "../action";
import { Choice, Field, Switch } from "../field";
import { Empty, Failure, Waiting } from "../notice";
import type { Logs } from "../types";

const SERVICES = [
  ["", "All services"],
  ["dataplane", "dataplane"],
  ["nat", "nat"],
  ["control", "control"],
  ["metrics", "metrics"],
  ["browser", "browser"],
  ["api", "api"],
] as const;

const FOLLOW_MS = 2000;
const LINES = 400;
const END_PX = 40; /* so near is at the end */

/* The word behind the time. */
function toneOf(line: string): string | undefined {
  const level = line.split(" ", 2)[1];
  return level === "error" ? "bad" : level === "warning" ? "fair" : undefined;
}

export function LogView() {
  const [service, setService] = useState("");
  const [filter, setFilter] = useState("");
  const [follow, setFollow] = useState(true);
  const { data, failure, reload } = useFetched<Logs>(
    `logs${service && `/${service}`}?lines=${LINES}`,
    follow ? FOLLOW_MS : 0,
  );
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true); /* whoever reads further up is left there */
  const wanted = filter.trim().toLowerCase();
  const all = data?.lines ?? [];
  const lines = all.filter((line) => line.toLowerCase().includes(wanted));
  const look = (): void => {
    const here = box.current;
    if (here) atEnd.current = here.scrollHeight - here.scrollTop - here.clientHeight < END_PX;
  };
  useEffect(() => {
    if (follow && atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.length, lines[lines.length - 1], follow]);
  return (
    <>
      <div class="title">
        <h1>Log</h1>
        <p class="tally">{data &&
            (wanted
              ? `${lines.length} of the last ${all.length} lines`
              : `the last ${all.length} lines`)}</p>
      </div>
      <div class="filters">
        <Choice
          label="Service"
          hiddenLabel
          value={service}
          choices={SERVICES}
          onChange={setService}
        />
        <Field
          label="Only lines with"
          hiddenLabel
          type="search"
          placeholder="Only lines with…"
          value={filter}
          onInput={setFilter}
        />
        <Switch label="Follow" on={follow} onChange={setFollow} />
      </div>
      <Failure of={failure} retry={reload} />
      {!data && !failure && <Waiting what="Reading the logs" />}
      {data && lines.length === 0 && (
        <Empty title={wanted ? "No line has that" : "Nothing was logged yet"} />
      )}
      {lines.length > 0 && (
        <div
          ref={box}
          class="log"
          tabIndex={0}
          role="log"
          aria-label="Lines of the log"
          aria-live="off"
          onScroll={look}
        >
          {lines.map((line, i) => (
            <div key={i} class={toneOf(line)}>
              {line}
            </div>
          ))}
        </div>
      )}
    </>
  );
}
