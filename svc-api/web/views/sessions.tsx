/* sessions.tsx - game sessions: what the ways were like while a game was played. */
import { useState } from "preact/hooks";
import { useAction, useFetched } from "../action";
import { ask } from "../api";
import { Button } from "../button";
import { Field } from "../field";
import { duration, moment, ms, nameOf, percent } from "../format";
import { Empty, Failure, Waiting } from "../notice";
import type { GameSession, GameSessionDetail } from "../types";

const SHOWN = 20;

function Detail({ id }: { id: number }) {
  const { data, failure, reload } = useFetched<GameSessionDetail>(`metrics/sessions/${id}`, 5000);
  if (!data)
    return failure ? <Failure of={failure} retry={reload} /> : <Waiting what="Adding it up" />;
  if (data.peers.length === 0) return <p class="hint">Nobody else was there to be measured.</p>;
  return (
    <table class="plain">
      <caption class="away">The ways during this session</caption>
      <thead>
        <tr>
          {["Member", "Ping", "p95", "Jitter", "Loss", "Quality"].map((title, i) => (
            <th key={title} scope="col" class={i ? "number" : undefined}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {data.peers.map((peer) => (
          <tr key={peer.key}>
            <th scope="row">
              <span class="cut" title={nameOf(peer)}>
                {nameOf(peer)}
              </span>
            </th>
            <td class="number">{ms(peer.rtt_ms)}</td>
            <td class="number">{ms(peer.rtt_p95_ms)}</td>
            <td class="number">{ms(peer.jitter_ms)}</td>
            <td class="number">{percent(peer.loss_pct)}</td>
            <td class="number">{peer.quality ?? "-"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Session({ session, onEnded }: { session: GameSession; onEnded: () => void }) {
  const [open, setOpen] = useState(false);
  const action = useAction();
  const running = session.ended_at === null;
  const end = (): Promise<void> =>
    action.run(async () => {
      await ask("POST", `metrics/sessions/${session.id}/end`);
      onEnded();
    });
  return (
    <li class="session">
      <div class="head">
        <b class="cut" title={session.game}>
          {session.game}
        </b>
        {session.server && (
          <span class="cut soft" title={session.server}>
            at {session.server}
          </span>
        )}
        <span class="soft">{moment(session.started_at)}</span>
        <span class={running ? "running" : "soft"}>
          {running ? `running for ${duration(session.duration_s)}` : duration(session.duration_s)}
        </span>
        <span class="row acts">
          {running && (
            <Button
              busy={action.busy}
              onPress={() => void end()}
              label={`End the session of ${session.game}`}
            >
              End
            </Button>
          )}
          <Button
            kind="quiet"
            expanded={open}
            onPress={() => setOpen(!open)}
            label={`Details of ${session.game}`}
          >
            Details
          </Button>
        </span>
      </div>
      <Failure of={action.failure} />
      {open && <Detail id={session.id} />}
    </li>
  );
}

export function Sessions() {
  const { data, failure, reload } = useFetched<GameSession[]>(
    `metrics/sessions?limit=${SHOWN}`,
    10000,
  );
  const [game, setGame] = useState("");
  const action = useAction();
  const start = (): Promise<void> =>
    action.run(async () => {
      await ask("POST", "metrics/sessions", { game: game.trim() });
      setGame("");
      reload();
    });
  return (
    <section aria-label="Game sessions">
      <div class="bar">
        <h2>Game sessions</h2>
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            void start();
          }}
        >
          <Field
            label="Game"
            hiddenLabel
            value={game}
            onInput={setGame}
            placeholder="which game"
            max={63}
            required
          />
          <Button submit busy={action.busy}>
            Begin
          </Button>
        </form>
      </div>
      <Failure of={action.failure} />
      {!data &&
        (failure ? <Failure of={failure} retry={reload} /> : <Waiting what="Reading the list" />)}
      {data?.length === 0 && (
        <Empty title="None yet">
          Begin one as a game begins, and end it with the game: then you see what the ways were
          like.
        </Empty>
      )}
      <ul class="sessions">
        {(data ?? []).map((session) => (
          <Session key={session.id} session={session} onEnded={reload} />
        ))}
      </ul>
    </section>
  );
}
