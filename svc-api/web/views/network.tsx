/* network.tsx - this machine's network, measured now, as a picture: me, my NAT, the internet, relays. */
import { useEffect, useState } from "preact/hooks";
import { useAction } from "../action";
import { ask } from "../api";
import { Button } from "../button";
import { count, moment, ms, mtu, yesOrNo } from "../format";
import { Empty, Failure, Problem } from "../notice";
import { useStore } from "../store";
import type { Asked, LanCheck, Netcheck, Network } from "../types";

/* What a word of the measurement means for a player. */
const behaviours: Record<string, string> = {
  none: "no NAT in the way",
  "endpoint-independent": "easy: one address for everybody",
  "address-dependent": "another address for each machine asked",
  "address-and-port-dependent": "hard: another address for each program asked",
  "port-independent": "one address, whatever the port",
  blocked: "nothing comes through",
};

function Behaviour({
  title,
  value,
  means,
}: {
  title: string;
  value: string | null;
  means: boolean;
}) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>
        {value ?? "unknown"}
        {means && value && behaviours[value] && <small>{behaviours[value]}</small>}
      </dd>
    </div>
  );
}

/* In 48 by 48. */
const pictures = {
  machine: "M10 12h28v19H10zM6 36h36M20 31v5m8-5v5",
  router: "M8 24h32v12H8zM15 30h.01M21 30h.01M33 24V10m-5 4a7 7 0 0 1 10 0",
  internet:
    "M24 40a16 16 0 1 0 0-32 16 16 0 0 0 0 32zM8 24h32M24 8c6 6 6 26 0 32M24 8c-6 6-6 26 0 32",
  relays: "m24 8 7 7-7 7-7-7zM12 26l7 7-7 7-7-7zm24 0 7 7-7 7-7-7zM20 19l-5 10m13-10 5 10",
};

interface HopProps {
  title: string;
  picture: keyof typeof pictures;
  tone: string;
  children: preact.ComponentChildren;
}

function Hop({ title, picture, tone, children }: HopProps) {
  return (
    <li class={`hop ${tone}`}>
      <svg viewBox="0 0 48 48" aria-hidden="true">
        <path d={pictures[picture]} />
      </svg>
      <h2>{title}</h2>
      {children}
    </li>
  );
}

function Reached({ list, what }: { list: Asked[]; what: string }) {
  return (
    <>
      {list.map((one, i) => (
        <li key={`${what}${i}`} class={one.rtt_ms === null ? "bad" : "good"}>
          <b class="cut" title={one.name ?? what}>
            {what}
            {one.name ? ` ${one.name}` : ""}
          </b>
          <span class="measure">{one.rtt_ms === null ? "no answer" : ms(one.rtt_ms)}</span>
          <small class="address">{one.endpoint ?? "-"}</small>
          {one.mapped && <small class="address">saw us as {one.mapped}</small>}
        </li>
      ))}
    </>
  );
}

function toneOf(asked: Asked[], answered: Asked[]): string {
  if (asked.length === 0) return "soft";
  return answered.length === 0 ? "bad" : answered.length < asked.length ? "fair" : "good";
}

function Picture({ check, address }: { check: Netcheck; address: string[] }) {
  const open =
    check.udp === false || check.mapping === "blocked"
      ? "bad"
      : check.mapping === null
        ? "soft"
        : check.mapping.startsWith("address")
          ? "fair"
          : "good";
  const asked = [...check.servers, ...check.relays];
  const answered = asked.filter((one) => one.rtt_ms !== null);
  return (
    <ol class="chain" aria-label="The way out of this machine">
      <Hop title="This machine" picture="machine" tone="good">
        <dl>
          <div>
            <dt>own addresses</dt>
            <dd class="address">
              {address.length ? address.map((one) => <span key={one}>{one}</span>) : "-"}
            </dd>
          </div>
          <div>
            <dt>IPv4, IPv6</dt>
            <dd>
              {yesOrNo(check.ipv4)}, {yesOrNo(check.ipv6)}
            </dd>
          </div>
          <div>
            <dt>firewall</dt>
            <dd>
              {check.firewall.length === 0
                ? "no sign of one"
                : check.firewall.map((sign) => <span key={sign.sign}>{sign.text}</span>)}
            </dd>
          </div>
        </dl>
      </Hop>
      <Hop
        title={check.mapping === "none" ? "No router in the way" : "My router"}
        picture="router"
        tone={open}
      >
        <dl>
          <Behaviour title="mapping" value={check.mapping} means />
          <Behaviour title="filtering" value={check.filtering} means={false} />
          <div>
            <dt>opened ports</dt>
            <dd>unknown: no port is asked of the router yet</dd>
          </div>
        </dl>
      </Hop>
      <Hop
        title="The internet"
        picture="internet"
        tone={check.udp === false ? "bad" : check.udp ? "good" : "soft"}
      >
        <dl>
          <div>
            <dt>seen as</dt>
            <dd class="address">
              {check.public.length
                ? check.public.map((one) => <span key={one}>{one}</span>)
                : "unknown"}
            </dd>
          </div>
          <div>
            <dt>UDP</dt>
            <dd>{yesOrNo(check.udp)}</dd>
          </div>
          <div>
            <dt>MTU</dt>
            <dd>{mtu(check.mtu)}</dd>
          </div>
        </dl>
      </Hop>
      <Hop title="Who answers" picture="relays" tone={toneOf(asked, answered)}>
        {asked.length === 0 ? (
          <p class="hint">There was no server to ask: none is connected.</p>
        ) : (
          <ul class="reached">
            <Reached list={check.servers} what="server" />
            <Reached list={check.relays} what="relay" />
          </ul>
        )}
      </Hop>
    </ol>
  );
}

function Now({ network }: { network: Network }) {
  return (
    <dl class="machine">
      <div>
        <dt>server</dt>
        <dd>
          <span class="cut">{network.server.url ?? "none set"}</span>{" "}
          {network.server.state && <span class="soft">{network.server.state}</span>}
          {network.server.reason && <small>{network.server.reason}</small>}
        </dd>
      </div>
      <div>
        <dt>interface</dt>
        <dd>
          {network.interface?.name ?? "-"}{" "}
          <span class="soft">{network.interface?.state ?? ""}</span>
          {network.interface?.reason && <small>{network.interface.reason}</small>}
        </dd>
      </div>
      {(network.relays ?? []).map((relay) => (
        <div key={relay.name ?? relay.endpoint ?? ""}>
          <dt class="cut">relay {relay.name ?? ""}</dt>
          <dd>
            <span data-measure="relay">{ms(relay.rtt_ms)}</span>{" "}
            <span class="soft">
              {relay.state}
              {relay.transport === "tcp" && " by TCP"}
              {relay.chosen && ", in use"}
            </span>
            {relay.reason && <small>{relay.reason}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function lanWords(found: LanCheck): string {
  if (!found.discovery) return "LAN discovery is off; switch lan.discovery on in the settings.";
  if (found.members === 0) return "Nobody else is connected, so there is nobody who could answer.";
  const first = found.first_ms === null ? "" : `, the first after ${ms(found.first_ms)}`;
  return `${count(found.heard)} of ${count(found.members)} connected members answered${first}.`;
}

function LanTest() {
  const [found, setFound] = useState<LanCheck | null>(null);
  const action = useAction();
  return (
    <div class="lantest">
      <Button
        busy={action.busy}
        onPress={() =>
          void action.run(async () => setFound(await ask<LanCheck>("GET", "lan/check")))
        }
      >
        {action.busy ? "Asking everybody" : "Try a game's search"}
      </Button>
      {found && (
        <p role="status">
          {lanWords(found)}
          {found.error && ` ${found.error}.`}
        </p>
      )}
      <Failure of={action.failure} />
    </div>
  );
}

export function NetworkView() {
  const network = useStore((store) => store.state?.network ?? null);
  const [check, setCheck] = useState<Netcheck | null>(null);
  const [at, setAt] = useState<string | null>(null);
  const action = useAction();
  const run = (): Promise<void> =>
    action.run(async () => {
      setCheck(await ask<Netcheck>("POST", "netcheck"));
      setAt(new Date().toISOString());
    });
  useEffect(() => void run(), []);
  const own = (network?.candidates ?? [])
    .filter((one) => one.kind === "own")
    .map((one) => one.endpoint ?? "");
  return (
    <>
      <div class="title">
        <h1>Network</h1>
        <p class="tally">
          {action.busy ? "Measuring: up to three seconds" : at && `measured at ${moment(at)}`}
        </p>
        <Button kind="main" busy={action.busy} onPress={() => void run()}>
          {action.busy ? "Measuring" : "Measure again"}
        </Button>
      </div>
      <Problem of={network?.problem} />
      <Failure of={action.failure} retry={() => void run()} />
      {check ? (
        <Picture check={check} address={own} />
      ) : (
        action.busy && (
          <p class="waiting" role="status">
            <span class="spinner" aria-hidden="true" /> Asking servers and relays what they see…
          </p>
        )
      )}
      <div class="bar">
        <h2>In use now</h2>
        <LanTest />
      </div>
      {network ? (
        <Now network={network} />
      ) : (
        <Empty title="Not known at the moment">
          The control service does not answer; it is started again by itself.
        </Empty>
      )}
    </>
  );
}
