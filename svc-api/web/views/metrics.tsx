/* metrics.tsx - how good the ways are, now and over time; this machine; and game sessions. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { useFetched } from "../action";
import { part } from "../api";
import { Chart } from "../chart";
import type { Line } from "../chart";
import { Choice } from "../field";
import { count, fixed, mib, ms, nameOf, percent, quality, rate } from "../format";
import { Measure, Measures } from "../measures";
import { Empty, Failure, Waiting } from "../notice";
import { useStore } from "../store";
import type {
  Bucket,
  LanCounters,
  PeerMetrics,
  PeerQuality,
  Quality,
  System,
  SystemBucket,
} from "../types";
import { Sessions } from "./sessions";

const RANGES = [
  ["300", "5 minutes"],
  ["3600", "1 hour"],
  ["21600", "6 hours"],
  ["86400", "1 day"],
  ["604800", "1 week"],
  ["2678400", "31 days"],
] as const;

const POINTS = 200;

const termWords = { latency: "latency", loss: "loss", jitter: "jitter" } as const;

function Term({ name, value }: { name: string; value: number | null }) {
  return (
    <div class="term">
      <span>{name}</span>
      {value !== null && (
        <meter
          min={0}
          max={100}
          low={39.5} /* a score of 40 or 80 is the better one in every browser */
          high={79.5}
          optimum={100}
          value={value}
          aria-label={name}
        />
      )}
      <b>{value ?? "-"}</b>
    </div>
  );
}

function Score({ of }: { of: Quality | null }) {
  const worst = of?.worst;
  return (
    <div class={`score ${of?.grade ?? "unknown"}`}>
      <p class="big" data-measure="quality">
        {of?.quality ?? "-"}
      </p>
      <p class="grade">{of?.grade ?? "not known yet"}</p>
      {worst && (
        <p class="hint cut" title={nameOf(worst)}>
          worst: {nameOf(worst)}
        </p>
      )}
    </div>
  );
}

function Ways({ metrics, terms }: { metrics: PeerMetrics[]; terms: PeerQuality[] }) {
  return (
    <ul class="ways">
      {metrics.map((peer) => {
        const own = terms.find((one) => one.key === peer.key)?.terms;
        return (
          <li key={peer.key}>
            <b class="cut" title={nameOf(peer)}>
              {nameOf(peer)}
            </b>
            <span class="grade">{quality(peer.quality, peer.grade)}</span>
            <span class="trend">{peer.trend ?? "-"}</span>
            {own && (
              <div class="terms">
                {(["latency", "loss", "jitter"] as const).map((term) => (
                  <Term key={term} name={termWords[term]} value={own[term]} />
                ))}
              </div>
            )}
            <Measures way={peer}>
              <Measure of="in" name="in" value={rate(peer.rx_bytes_per_s)} />
              <Measure of="out" name="out" value={rate(peer.tx_bytes_per_s)} />
            </Measures>
          </li>
        );
      })}
    </ul>
  );
}

function sum(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}

function Machine({ system, lan }: { system: System | null; lan: LanCounters | null }) {
  return (
    <dl class="machine">
      <div>
        <dt>processor</dt>
        <dd data-measure="cpu">{percent(system?.cpu_pct)}</dd>
      </div>
      <div>
        <dt>memory free</dt>
        <dd data-measure="memory">
          {mib(system?.memory_available_bytes)} of {mib(system?.memory_total_bytes)}
        </dd>
      </div>
      {(system?.interfaces ?? []).map((one) => (
        <div key={one.name ?? ""}>
          <dt class="cut" title={one.name ?? ""}>
            {one.name ?? "-"}
          </dt>
          <dd data-measure="traffic">
            in {rate(one.rx_bytes_per_s)}, out {rate(one.tx_bytes_per_s)}
          </dd>
        </div>
      ))}
      {lan?.discovery && (
        <div>
          <dt>to everybody</dt>
          <dd>
            {count(lan.sent)} packets sent, {count(lan.received)} received,{" "}
            {count(sum(lan.capped, lan.capped_received))} beyond the limits
          </dd>
        </div>
      )}
    </dl>
  );
}

/* uPlot joins neighbours, so where buckets are further apart than they are long, a gap goes in. */
function withGaps<T extends { at: number | null; seconds: number }>(
  all: T[],
): ((T & { at: number }) | { at: number })[] {
  const buckets = all.filter((bucket): bucket is T & { at: number } => bucket.at !== null);
  return buckets.flatMap((bucket, i) => {
    const before = buckets[i - 1];
    if (!before || bucket.at - before.at <= 2 * Math.max(before.seconds, 1)) return [bucket];
    return [{ at: before.at + before.seconds }, bucket];
  });
}

function lineOf<T extends object>(
  rows: (T | { at: number })[],
  key: keyof T,
  label: string,
  tone: Line["tone"],
): Line {
  return {
    label,
    tone,
    values: rows.map((row) => (key in row ? (((row as T)[key] as number | null) ?? null) : null)),
  };
}

function timesOf(rows: { at: number }[]): number[] {
  return rows.map((row) => row.at);
}

const named = {
  ms: (value: number | null): string => ms(value),
  percent: (value: number | null): string => percent(value),
  rate: (value: number | null): string => rate(value),
  score: (value: number | null): string => (value === null ? "-" : fixed(value, 0)),
};

function PeerCharts({ id, seconds }: { id: string; seconds: number }) {
  const { data, failure, reload } = useFetched<Bucket[]>(
    `metrics/peers/${part(id)}/history?seconds=${seconds}&points=${POINTS}`,
    seconds <= 3600 ? 5000 : 60000,
  );
  const lines = useMemo(() => {
    const rows = withGaps(data ?? []);
    const to = Date.now() / 1000;
    return {
      range: { from: to - seconds, to },
      times: timesOf(rows),
      rtt: [
        lineOf<Bucket>(rows, "rtt_ms", "ping", "accent"),
        lineOf<Bucket>(rows, "jitter_ms", "jitter", "warm"),
      ],
      loss: [lineOf<Bucket>(rows, "loss_pct", "loss", "bad")],
      traffic: [
        lineOf<Bucket>(rows, "rx_bytes_per_s", "in", "accent"),
        lineOf<Bucket>(rows, "tx_bytes_per_s", "out", "warm"),
      ],
      quality: [lineOf<Bucket>(rows, "quality", "quality", "accent")],
    };
  }, [data]);
  if (!data)
    return failure ? (
      <Failure of={failure} retry={reload} />
    ) : (
      <Waiting what="Reading the history" />
    );
  if (data.length === 0)
    return (
      <Empty title="Nothing was measured in this time">
        It begins a second after the tunnel to this member is up.
      </Empty>
    );
  const { range, times } = lines;
  return (
    <div class="charts">
      <Failure of={failure} />
      <Chart
        title="Ping and jitter"
        least={20}
        times={times}
        lines={lines.rtt}
        format={named.ms}
        range={range}
      />
      <Chart
        title="Loss"
        least={5}
        times={times}
        lines={lines.loss}
        format={named.percent}
        range={range}
      />
      <Chart
        title="Traffic with this member"
        least={2000}
        times={times}
        lines={lines.traffic}
        format={named.rate}
        range={range}
      />
      <Chart
        title="Quality"
        least={100}
        times={times}
        lines={lines.quality}
        format={named.score}
        range={range}
      />
    </div>
  );
}

function used(bucket: SystemBucket): number | null {
  if (!bucket.memory_total_bytes || bucket.memory_available_bytes === null) return null;
  return (
    (100 * (bucket.memory_total_bytes - bucket.memory_available_bytes)) / bucket.memory_total_bytes
  );
}

function SystemCharts({ seconds }: { seconds: number }) {
  const { data, failure, reload } = useFetched<SystemBucket[]>(
    `metrics/system/history?seconds=${seconds}&points=${POINTS}`,
    seconds <= 3600 ? 5000 : 60000,
  );
  const lines = useMemo(() => {
    const rows = withGaps((data ?? []).map((bucket) => ({ ...bucket, used: used(bucket) })));
    const to = Date.now() / 1000;
    type Row = SystemBucket & { used: number | null };
    return {
      range: { from: to - seconds, to },
      times: timesOf(rows),
      load: [
        lineOf<Row>(rows, "cpu_pct", "processor", "accent"),
        lineOf<Row>(rows, "used", "memory used", "warm"),
      ],
      traffic: [
        lineOf<Row>(rows, "rx_bytes_per_s", "in", "accent"),
        lineOf<Row>(rows, "tx_bytes_per_s", "out", "warm"),
      ],
    };
  }, [data]);
  if (!data)
    return failure ? (
      <Failure of={failure} retry={reload} />
    ) : (
      <Waiting what="Reading the history" />
    );
  if (data.length === 0)
    return (
      <Empty title="Nothing was measured in this time">It begins a second after the start.</Empty>
    );
  return (
    <div class="charts">
      <Failure of={failure} />
      <Chart
        title="Processor and memory"
        least={100}
        times={lines.times}
        lines={lines.load}
        format={named.percent}
        range={lines.range}
      />
      <Chart
        title="All traffic of this machine"
        least={2000}
        times={lines.times}
        lines={lines.traffic}
        format={named.rate}
        range={lines.range}
      />
    </div>
  );
}

export function MetricsView() {
  const metrics = useStore((store) => store.state?.metrics ?? null);
  const scores = useStore((store) => store.state?.quality ?? null);
  const system = useStore((store) => store.state?.system ?? null);
  const lan = useFetched<LanCounters>("metrics/lan", 5000);
  const [seconds, setSeconds] = useState("300");
  const [picked, setPicked] = useState("");
  const peers = Object.values(metrics ?? {}).sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
  const here = peers.filter((peer) => peer.state !== "gone");
  const chosen = peers.find((peer) => peer.key === picked) ?? here[0] ?? peers[0];
  useEffect(() => {
    if (chosen) setPicked(chosen.key); /* whoever comes, it stays the same one */
  }, [chosen?.key]);
  return (
    <>
      <div class="title">
        <h1>Metrics</h1>
      </div>
      <section class="scores" aria-label="Quality">
        <Score of={scores} />
        {here.length > 0 ? (
          <Ways metrics={here} terms={scores?.peers ?? []} />
        ) : !metrics ? (
          <Empty title="Not known at the moment">
            The metrics service does not answer; it is started again by itself.
          </Empty>
        ) : (
          <Empty title="No ways to measure">
            They are measured as soon as somebody else is in the party.
          </Empty>
        )}
      </section>
      <div class="bar">
        <h2>Over time</h2>
        {peers.length > 0 && chosen && (
          <Choice
            label="Member"
            hiddenLabel
            value={chosen.key}
            onChange={setPicked}
            choices={peers.map(
              (peer) =>
                [peer.key, nameOf(peer) + (peer.state === "gone" ? " (left)" : "")] as const,
            )}
          />
        )}
        <Choice label="Time" hiddenLabel value={seconds} choices={RANGES} onChange={setSeconds} />
      </div>
      {chosen && (
        <PeerCharts
          key={`${chosen.key}${seconds}`}
          id={chosen.id ?? chosen.key}
          seconds={Number(seconds)}
        />
      )}
      <div class="bar">
        <h2>This machine</h2>
      </div>
      <Machine system={system} lan={lan.data} />
      <SystemCharts key={seconds} seconds={Number(seconds)} />
      <Sessions />
    </>
  );
}
