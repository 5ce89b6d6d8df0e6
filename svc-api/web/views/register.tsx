/* register.tsx - telling the party of a game server that runs on this machine. It stays while this
 * page, the command or the game sends heartbeats. */
import { useState } from "preact/hooks";
import { useAction } from "../action";
import { ask } from "../api";
import { Button } from "../button";
import { Field, Switch } from "../field";
import { keepAlive } from "../heartbeat";
import { Failure } from "../notice";
import { toast } from "../store";
import type { Server } from "../types";

interface Draft {
  name: string;
  game: string;
  port: string;
  most: string;
  map: string;
  mode: string;
  tags: string;
  password: boolean;
}

const EMPTY: Draft = {
  name: "",
  game: "",
  port: "",
  most: "",
  map: "",
  mode: "",
  tags: "",
  password: false,
};

function wholeNumber(text: string, least: number, most: number): string | null {
  if (text.trim() === "") return null;
  const value = Number(text);
  return Number.isInteger(value) && value >= least && value <= most
    ? null
    : `a whole number from ${least} to ${most}`;
}

function bodyOf(draft: Draft): Record<string, unknown> {
  const tags = draft.tags
    .split(",")
    .map((tag) => tag.trim())
    .filter(Boolean);
  return {
    name: draft.name.trim(),
    game: draft.game.trim(),
    port: Number(draft.port),
    password: draft.password,
    ...(draft.most.trim() && { max_players: Number(draft.most) }),
    ...(draft.map.trim() && { map: draft.map.trim() }),
    ...(draft.mode.trim() && { mode: draft.mode.trim() }),
    ...(tags.length > 0 && { tags }),
  };
}

export function Register({ onDone }: { onDone: () => void }) {
  const [draft, setDraft] = useState(EMPTY);
  const action = useAction();
  const set = (some: Partial<Draft>): void => setDraft({ ...draft, ...some });
  const wrong = {
    port: wholeNumber(draft.port, 1, 65535),
    most: wholeNumber(draft.most, 1, 65535),
  };
  const register = (): Promise<void> =>
    action.run(async () => {
      const server = await ask<Server>("POST", "servers", bodyOf(draft));
      keepAlive(server.id);
      toast("good", "is in the list", server.name);
      onDone();
    });
  return (
    <form
      class="register"
      onSubmit={(event) => {
        event.preventDefault();
        if (!wrong.port && !wrong.most) void register();
      }}
    >
      <h2>A server on this machine</h2>
      <div class="grid">
        <Field
          label="Name"
          value={draft.name}
          onInput={(name) => set({ name })}
          max={127}
          required
        />
        <Field
          label="Game"
          value={draft.game}
          onInput={(game) => set({ game })}
          max={63}
          required
        />
        <Field
          label="Port"
          value={draft.port}
          onInput={(port) => set({ port })}
          error={wrong.port}
          max={5}
          placeholder="27960"
          mono
          required
        />
        <Field
          label="Players at most"
          value={draft.most}
          onInput={(most) => set({ most })}
          error={wrong.most}
          max={5}
          mono
        />
        <Field label="Map" value={draft.map} onInput={(map) => set({ map })} max={63} />
        <Field label="Mode" value={draft.mode} onInput={(mode) => set({ mode })} max={63} />
        <Field
          label="Tags, with commas between"
          value={draft.tags}
          onInput={(tags) => set({ tags })}
          max={255}
        />
        <Switch
          label="It asks for a password"
          on={draft.password}
          onChange={(password) => set({ password })}
        />
      </div>
      <p class="hint">
        It stays in the list while this page is open, or while something else sends its heartbeats.
      </p>
      <Failure of={action.failure} />
      <div class="row end">
        <Button onPress={onDone}>Cancel</Button>
        <Button kind="main" submit busy={action.busy}>
          Register
        </Button>
      </div>
    </form>
  );
}
