/* servers.tsx - game servers of all members: find one, see how far it is, join it; tell of one's own. */
import { useEffect, useState } from "preact/hooks";
import { useAction } from "../action";
import { ask, part } from "../api";
import { Button, Copy } from "../button";
import { Choice, Field, Switch } from "../field";
import { count, wholeMs } from "../format";
import { Empty, Failure } from "../notice";
import { toast, useStore } from "../store";
import type { JoinServer, Latency, Server } from "../types";
import { Register } from "./register";

type Sort = "name" | "game" | "players" | "latency";

interface Filters {
  search: string;
  game: string;
  sort: Sort;
  favourites: boolean;
  hideFull: boolean;
  hideEmpty: boolean;
  hidePassword: boolean;
}

const NONE: Filters = {
  search: "",
  game: "",
  sort: "name",
  favourites: false,
  hideFull: false,
  hideEmpty: false,
  hidePassword: false,
};

const SORTS = [
  ["name", "Name"],
  ["game", "Game"],
  ["players", "Most players"],
  ["latency", "Nearest"],
] as const;

function matches(server: Server, filters: Filters): boolean {
  const words =
    `${server.name} ${server.game} ${server.map ?? ""} ${server.host.name ?? ""}`.toLowerCase();
  if (!words.includes(filters.search.trim().toLowerCase())) return false;
  if (filters.game && server.game !== filters.game) return false;
  if (filters.favourites && !server.favourite) return false;
  if (filters.hideFull && server.full) return false;
  if (filters.hideEmpty && server.players === 0) return false;
  return !(filters.hidePassword && server.password);
}

/* What is unknown comes last, as in the API. */
function order(sort: Sort): (a: Server, b: Server) => number {
  const tie = (a: Server, b: Server): number =>
    a.name.localeCompare(b.name) || a.id.localeCompare(b.id);
  if (sort === "players") return (a, b) => (b.players ?? -1) - (a.players ?? -1) || tie(a, b);
  if (sort === "latency")
    return (a, b) =>
      (a.latency_ema_ms ?? Infinity) - (b.latency_ema_ms ?? Infinity) || tie(a, b) || 0;
  if (sort === "game") return (a, b) => a.game.localeCompare(b.game) || tie(a, b);
  return tie;
}

function Filter({
  filters,
  games,
  onChange,
}: {
  filters: Filters;
  games: string[];
  onChange: (filters: Filters) => void;
}) {
  const change = (some: Partial<Filters>): void => onChange({ ...filters, ...some });
  const every = [["", "All games"], ...games.map((game) => [game, game] as const)] as [
    string,
    string,
  ][];
  return (
    <div class="filters" role="search">
      <Field
        label="Search"
        hiddenLabel
        type="search"
        placeholder="Name, game, map, host"
        value={filters.search}
        onInput={(search) => change({ search })}
      />
      <Choice
        label="Game"
        hiddenLabel
        value={filters.game}
        choices={every}
        onChange={(game) => change({ game })}
      />
      <Choice
        label="Order"
        hiddenLabel
        value={filters.sort}
        choices={SORTS}
        onChange={(sort) => change({ sort: sort as Sort })}
      />
      <div class="row">
        <Switch
          label="Favourites"
          on={filters.favourites}
          onChange={(favourites) => change({ favourites })}
        />
        <Switch
          label="Not full"
          on={filters.hideFull}
          onChange={(hideFull) => change({ hideFull })}
        />
        <Switch
          label="Not empty"
          on={filters.hideEmpty}
          onChange={(hideEmpty) => change({ hideEmpty })}
        />
        <Switch
          label="No password"
          on={filters.hidePassword}
          onChange={(hidePassword) => change({ hidePassword })}
        />
      </div>
    </div>
  );
}

function Join({ server }: { server: Server }) {
  const [told, setTold] = useState<JoinServer | null>(null);
  const action = useAction();
  const join = (): Promise<void> =>
    action.run(async () =>
      setTold(await ask<JoinServer>("POST", `servers/${part(server.id)}/join`)),
    );
  return (
    <>
      {told?.address ? (
        <span class="joinat" role="status">
          <code>{told.address}</code>{" "}
          <Copy text={told.address} what={`the address of ${server.name}`} />
          {told.password && <small>asks for a password</small>}
          {told.online === false && <small>its host is offline at the moment</small>}
        </span>
      ) : (
        <Button busy={action.busy} onPress={() => void join()} label={`Join ${server.name}`}>
          Join
        </Button>
      )}
      {told && !told.address && (
        <small role="status">Its address is not known yet; try again in a moment.</small>
      )}
      <Failure of={action.failure} />
    </>
  );
}

function Acts({ server }: { server: Server }) {
  const action = useAction();
  const ping = (): Promise<void> =>
    action.run(async () => {
      const answer = await ask<Latency>("POST", `servers/${part(server.id)}/latency`);
      toast(
        answer.answers > 0 ? "good" : "bad",
        `${answer.answers > 0 ? `${wholeMs(answer.latency_ms)} ms` : "no answer"}, ${answer.answers} of ${answer.sent} answered`,
        server.name,
      );
    });
  const remove = (): Promise<void> =>
    action.run(async () => void (await ask("DELETE", `servers/${part(server.id)}`)));
  return (
    <div class="row acts">
      {server.own ? (
        <Button
          kind="quiet"
          busy={action.busy}
          onPress={() => void remove()}
          label={`Remove ${server.name}`}
        >
          Remove
        </Button>
      ) : (
        <Button
          kind="quiet"
          busy={action.busy}
          onPress={() => void ping()}
          label={`Ping ${server.name}`}
        >
          Ping
        </Button>
      )}
      <Join server={server} />
      <Failure of={action.failure} />
    </div>
  );
}

function Star({ server }: { server: Server }) {
  const action = useAction();
  const turn = (): Promise<void> =>
    action.run(
      async () =>
        void (await ask(
          server.favourite ? "DELETE" : "PUT",
          `servers/${part(server.id)}/favourite`,
        )),
    );
  useEffect(() => {
    if (action.failure) toast("bad", action.failure.message, server.name);
  }, [action.failure]);
  return (
    <button
      type="button"
      class="star"
      aria-pressed={server.favourite}
      aria-busy={action.busy ? "true" : undefined}
      aria-label={`Favourite: ${server.name}`}
      onClick={() => void turn()}
    >
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="m12 4 2.4 5.2 5.6.7-4.1 3.9 1.1 5.6-5-2.8-5 2.8 1.1-5.6L4 9.9l5.6-.7z" />
      </svg>
    </button>
  );
}

function Row({ server }: { server: Server }) {
  const details = [server.map, server.mode, ...server.tags].filter(Boolean).join(" · ");
  return (
    <tr>
      <td class="favourite">
        <Star server={server} />
      </td>
      <th scope="row">
        <span class="named">
          <span class="cut name" title={server.name}>
            {server.name}
          </span>
          {server.password && <span class="tag">password</span>}
          {server.own && <span class="tag">yours</span>}
        </span>
        <small class="cut" title={details}>
          <span class="narrow">
            <bdi>{server.game}</bdi> · <bdi>{server.host.name ?? "-"}</bdi>
            {details && " · "}
          </span>
          <bdi>{details}</bdi>
        </small>
      </th>
      <td class="wide">
        <span class="cut" title={server.game}>
          {server.game}
        </span>
      </td>
      <td class="wide">
        <span class="cut" title={server.host.name ?? ""}>
          {server.host.name ?? "-"}
        </span>
      </td>
      <td class="number" data-measure="players">
        {count(server.players)}/<wbr />
        {count(server.max_players)}
      </td>
      <td class="number" data-measure="ping">
        {wholeMs(server.latency_ema_ms)}
        {server.latency_ema_ms !== null && <span class="narrow soft"> ms</span>}
      </td>
      <td class="do">
        <Acts server={server} />
      </td>
    </tr>
  );
}

function Table({ servers }: { servers: Server[] }) {
  return (
    <table class="servers">
      <caption class="away">Game servers</caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="away">Favourite</span>
          </th>
          <th scope="col">Name</th>
          <th scope="col" class="wide">
            Game
          </th>
          <th scope="col" class="wide">
            Host
          </th>
          <th scope="col" class="number">
            Players
          </th>
          <th scope="col" class="number">
            Ping
          </th>
          <th scope="col">
            <span class="away">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {servers.map((server) => (
          <Row key={server.id} server={server} />
        ))}
      </tbody>
    </table>
  );
}

export function ServersView() {
  const all = useStore((store) => store.state?.servers ?? null);
  const [filters, setFilters] = useState(NONE);
  const [registering, setRegistering] = useState(false);
  const every = Object.values(all ?? {});
  const games = [...new Set([...every.map((server) => server.game), filters.game])]
    .filter(Boolean)
    .sort();
  const shown = every.filter((server) => matches(server, filters)).sort(order(filters.sort));
  return (
    <>
      <div class="title">
        <h1>Servers</h1>
        <p class="tally">
          {every.length === shown.length
            ? `${every.length} in the party`
            : `${shown.length} of ${every.length}`}
        </p>
        <Button kind="main" expanded={registering} onPress={() => setRegistering(!registering)}>
          Register one
        </Button>
      </div>
      {registering && <Register onDone={() => setRegistering(false)} />}
      {every.length > 0 && <Filter filters={filters} games={games} onChange={setFilters} />}
      {!all && (
        <Empty title="Not known at the moment">
          The browser service does not answer; it is started again by itself.
        </Empty>
      )}
      {all && every.length === 0 && !registering && (
        <Empty title="No game servers yet">
          Start a game's server on this machine and register it, and every member sees it here.
          Games that search the LAN find each other without.
        </Empty>
      )}
      {every.length > 0 && shown.length === 0 && (
        <Empty title="None of them matches">
          <Button onPress={() => setFilters(NONE)}>Show all</Button>
        </Empty>
      )}
      {shown.length > 0 && <Table servers={shown} />}
    </>
  );
}
