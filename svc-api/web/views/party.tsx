/* party.tsx - the party: the mesh, who is in it, and how friends come in. */
import { useRef, useState } from "preact/hooks";
import { useAction } from "../action";
import { ask } from "../api";
import { Button } from "../button";
import { Dialog } from "../dialog";
import { setInvite } from "../invites";
import { Mesh } from "../mesh";
import { Empty, Failure, Problem } from "../notice";
import { useStore } from "../store";
import type { Network, Peer, Status } from "../types";
import { PartyDoor } from "./door";
import { InvitePanel } from "./invite";
import { Member } from "./member";

function Leave({ host, onClose }: { host: boolean; onClose: () => void }) {
  const action = useAction();
  const leave = (): Promise<void> =>
    action.run(async () => {
      await ask<Status>("POST", "party/leave");
      setInvite(null);
      onClose();
    });
  return (
    <Dialog title="Leave the party?" onClose={onClose}>
      <p>
        {host
          ? "You are its host: nobody can be let in any more."
          : "To come back you need a code."}
      </p>
      <Failure of={action.failure} />
      <div class="row end">
        <Button onPress={onClose}>Stay</Button>
        <Button kind="danger" busy={action.busy} onPress={() => void leave()}>
          Leave
        </Button>
      </div>
    </Dialog>
  );
}

function Connection({ network }: { network: Network | null }) {
  const action = useAction();
  if (!network) return null;
  if (network.up === false)
    return (
      <div class="failure">
        <p class="what">You are disconnected from the party.</p>
        <Failure of={action.failure} />
        <Button
          kind="main"
          busy={action.busy}
          onPress={() => void action.run(async () => void (await ask("POST", "up")))}
        >
          Connect
        </Button>
      </div>
    );
  return <Problem of={network.problem} />;
}

function tally(peers: Peer[]): string {
  const number = (test: (peer: Peer) => boolean): number => peers.filter(test).length;
  const direct = number((peer) => peer.path === "direct");
  const relayed = number((peer) => peer.path === "relay");
  const unknown = number((peer) => peer.path === null);
  const rest = peers.length - direct - relayed - unknown;
  return [
    direct && `${direct} direct`,
    relayed && `${relayed} by relay`,
    rest && `${rest} not reached`,
    unknown && `${unknown} not known at the moment`,
  ]
    .filter(Boolean)
    .join(" · ");
}

function byName(a: Peer, b: Peer): number {
  return (
    (a.name ?? a.id).localeCompare(b.name ?? b.id, undefined, { numeric: true }) ||
    a.id.localeCompare(b.id)
  );
}

/* Names are not unique; but where another member is the host, this machine is not. */
function isHost(status: Status, peers: Peer[]): boolean {
  return (
    status.party !== null &&
    status.party.host !== null &&
    status.party.host === status.self.name &&
    !peers.some((peer) => peer.host)
  );
}

function Title({ status, peers }: { status: Status; peers: Peer[] }) {
  const [leaving, setLeaving] = useState(false);
  const party = status.party;
  const host = isHost(status, peers);
  if (!party) return null;
  return (
    <div class="title">
      <h1 class="cut" title={party.name ?? ""}>
        {party.name ?? "-"}
      </h1>
      <p class="tally">
        <b>
          {party.members} {party.members === 1 ? "member" : "members"}
        </b>
        {peers.length > 0 && ` · ${tally(peers)}`}
        {status.self.virtual_ip && <span class="narrow"> · you are {status.self.virtual_ip}</span>}
        {!host && party.host && (
          <>
            {" · host "}
            <span class="cut" title={party.host}>
              {party.host}
            </span>
          </>
        )}
      </p>
      <Button kind="quiet" onPress={() => setLeaving(true)}>
        Leave
      </Button>
      {leaving && <Leave host={host} onClose={() => setLeaving(false)} />}
    </div>
  );
}

/* As it was when the control service last answered: while that is started again one is in the party
 * still, and who is about to begin one goes on writing. */
function useKnownStatus(): Status | null {
  const status = useStore((store) => store.state?.status ?? null);
  const known = useRef<Status | null>(null);
  if (status?.self.id) known.current = status;
  return known.current;
}

export function PartyView() {
  const status = useKnownStatus();
  const network = useStore((store) => store.state?.network ?? null);
  const all = useStore((store) => store.state?.peers ?? null);
  const [open, setOpen] = useState<string | null>(null);
  if (!status)
    return (
      <Empty title="Not known at the moment">
        The control service does not answer; it is started again by itself.
      </Empty>
    );
  if (!status.party) return <PartyDoor />;
  const peers = Object.values(all ?? {}).sort(byName);
  const host = isHost(status, peers);
  return (
    <>
      <section class="hero">
        <Title status={status} peers={peers} />
        <Connection network={network} />
        {peers.length > 0 && (
          <Mesh self={status.self.name ?? "you"} peers={peers} onPick={setOpen} />
        )}
      </section>
      <div class={peers.length === 0 ? "below alone" : "below"}>
        <section class="members" aria-label="Members">
          <h2>Members</h2>
          {!all ? (
            <Empty title="Not known at the moment">
              The control service does not answer; it is started again by itself.
            </Empty>
          ) : peers.length === 0 ? (
            <div class="lonely">
              <Empty title="Nobody else is here yet">
                {host
                  ? "Read the code out to a friend: who comes in by it is shown here at once."
                  : "The host can make a code for more friends."}
              </Empty>
              <Mesh self={status.self.name ?? "you"} peers={[]} small />
            </div>
          ) : (
            <ul>
              {peers.map((peer) => (
                <Member
                  key={peer.id}
                  id={peer.id}
                  host={host}
                  open={open === peer.id}
                  onOpen={(now) => setOpen(now ? peer.id : null)}
                />
              ))}
            </ul>
          )}
        </section>
        {host && <InvitePanel />}
      </div>
    </>
  );
}
