/* member.tsx - one other member, in words and numbers: how it is reached, why not better, what to do. */
import { useEffect, useRef, useState } from "preact/hooks";
import { useAction, useFetched } from "../action";
import { ask, part } from "../api";
import { Button, Copy } from "../button";
import { Dialog } from "../dialog";
import { ms, nameOf, pathWords } from "../format";
import { setInvite } from "../invites";
import { Measures } from "../measures";
import { Failure } from "../notice";
import { Spark } from "../spark";
import { toast, useStore } from "../store";
import type { Peer, Ping, Why } from "../types";

export function toneOf(peer: Peer): string {
  if (peer.path === "direct") return "good";
  if (peer.path === "relay") return "fair";
  if (peer.state === "failed") return "bad";
  return "soft";
}

function Kick({ peer, onClose }: { peer: Peer; onClose: () => void }) {
  const action = useAction();
  const kick = (): Promise<void> =>
    action.run(async () => {
      await ask("POST", "party/kick", { member: peer.id });
      setInvite(null);
      toast("good", "was removed", nameOf(peer));
      onClose();
    });
  return (
    <Dialog title="Remove this member?" onClose={onClose}>
      <p>
        <b class="cut" title={nameOf(peer)}>
          {nameOf(peer)}
        </b>{" "}
        leaves the party at once, and every code made so far is worth nothing.
      </p>
      <Failure of={action.failure} />
      <div class="row end">
        <Button onPress={onClose}>Keep</Button>
        <Button kind="danger" busy={action.busy} onPress={() => void kick()}>
          Remove
        </Button>
      </div>
    </Dialog>
  );
}

/* Asked for when it is opened, and when something of it is another: it is of that moment. */
function Reasons({ peer }: { peer: Peer }) {
  const moment = JSON.stringify([peer.path, peer.relay, peer.reason]);
  const { data: why, failure, reload } = useFetched<Why>(`peers/${part(peer.id)}/why`, 0, moment);
  return (
    <div class="why" role="status">
      {why && <p>{why.text}.</p>}
      {why?.remedy && <p class="remedy">→ {why.remedy}</p>}
      {!why && !failure && <p>Looking…</p>}
      <Failure of={failure} retry={reload} />
      <dl class="facts">
        <div>
          <dt>reached at</dt>
          <dd>{peer.endpoint ?? "-"}</dd>
        </div>
        <div>
          <dt>its router</dt>
          <dd>{peer.nat ?? "-"}</dd>
        </div>
      </dl>
    </div>
  );
}

interface MemberProps {
  id: string;
  host: boolean; /* of the party is this machine, so it may remove others */
  open: boolean;
  onOpen: (open: boolean) => void;
}

export function Member({ id, host, open, onOpen }: MemberProps) {
  const peer = useStore((store) => store.state?.peers?.[id] ?? null);
  const [pong, setPong] = useState<Ping | null>(null);
  const [removing, setRemoving] = useState(false);
  const row = useRef<HTMLLIElement>(null);
  const action = useAction();
  useEffect(() => {
    if (open) row.current?.scrollIntoView({ block: "nearest" });
  }, [open]);
  if (!peer) return null;
  const ping = (): Promise<void> =>
    action.run(async () => {
      setPong(null);
      setPong(await ask<Ping>("POST", `peers/${part(id)}/ping`));
    });
  return (
    <li ref={row} class={`member ${toneOf(peer)}`}>
      <div class="who">
        <b class="cut" title={nameOf(peer)}>
          {nameOf(peer)}
        </b>
        {peer.host && <span class="tag">host</span>}
        <span class="path cut" title={pathWords(peer)}>
          {peer.state === "connecting" && peer.path === "none" && peer.online
            ? "connecting"
            : pathWords(peer)}
        </span>
        {peer.virtual_ip && (
          <span class="address">
            {peer.virtual_ip}{" "}
            <Copy text={peer.virtual_ip} what={`the address of ${nameOf(peer)}`} />
          </span>
        )}
      </div>
      <Spark id={id} />
      <Measures way={peer} />
      <div class="row acts">
        <span class="pong measure" role="status">
          {pong && ms(pong.rtt_ms)}
        </span>
        <Button
          kind="quiet"
          busy={action.busy}
          onPress={() => void ping()}
          label={`Ping ${nameOf(peer)}`}
        >
          Ping
        </Button>
        <Button
          kind="quiet"
          expanded={open}
          onPress={() => onOpen(!open)}
          label={`Why: how ${nameOf(peer)} is reached`}
        >
          Why
        </Button>
        {host && (
          <Button kind="quiet" onPress={() => setRemoving(true)} label={`Kick ${nameOf(peer)}`}>
            Kick
          </Button>
        )}
      </div>
      {peer.reason && !open && <p class="reason">{peer.reason}</p>}
      {open && <Reasons peer={peer} />}
      <Failure of={action.failure} />
      {removing && <Kick peer={peer} onClose={() => setRemoving(false)} />}
    </li>
  );
}
