/* door.tsx - in no party: make one, or come to a friend's. */
import { useState } from "preact/hooks";
import { useAction } from "../action";
import { ask } from "../api";
import { Button } from "../button";
import { Field, Switch } from "../field";
import { setInvite } from "../invites";
import { Mesh } from "../mesh";
import { Failure, Problem } from "../notice";
import { useStore } from "../store";
import type { Invite, Status } from "../types";

const NAME_MAX = 63;

function Create({ server }: { server: boolean }) {
  const [name, setName] = useState("");
  const [own, setOwn] = useState("");
  const [local, setLocal] = useState(false);
  const action = useAction();
  const create = (): Promise<void> =>
    action.run(async () => {
      const body = {
        name: name.trim(),
        ...(own.trim() && { own_name: own.trim() }),
        ...(local && { local }),
      };
      setInvite(await ask<Invite>("POST", "party", body));
    });
  return (
    <form
      class="way"
      onSubmit={(event) => {
        event.preventDefault();
        void create();
      }}
    >
      <h2>Make a party</h2>
      <p>You get a code to read out to your friends.</p>
      <Field
        label="Its name"
        value={name}
        onInput={setName}
        max={NAME_MAX}
        placeholder="friday"
        required
      />
      <Field
        label="Your name in it"
        value={own}
        onInput={setOwn}
        max={NAME_MAX}
        placeholder="as in the settings"
      />
      {server ? (
        <Switch label="Only for this network, without the server" on={local} onChange={setLocal} />
      ) : (
        <p class="hint">
          No server is set, so the party is for this network. For friends elsewhere,{" "}
          <a href="#/settings">set one</a> first.
        </p>
      )}
      <Failure of={action.failure} />
      <Button kind="main" submit busy={action.busy}>
        {action.busy ? "Making it" : "Make the party"}
      </Button>
    </form>
  );
}

function Join() {
  const [code, setCode] = useState("");
  const [name, setName] = useState("");
  const action = useAction();
  const join = (): Promise<void> =>
    action.run(async () => {
      await ask<Status>("POST", "party/join", {
        code: code.trim(),
        ...(name.trim() && { name: name.trim() }),
      });
      setInvite(null);
    });
  return (
    <form
      class="way"
      onSubmit={(event) => {
        event.preventDefault();
        void join();
      }}
    >
      <h2>Join one</h2>
      <p>By the code or the link that a friend gave you.</p>
      <Field
        label="Code or link"
        value={code}
        onInput={setCode}
        max={255}
        placeholder="KQ7M-3ZT9-HX2F"
        mono
        required
      />
      <Field
        label="Your name in it"
        value={name}
        onInput={setName}
        max={NAME_MAX}
        placeholder="as in the settings"
      />
      <Failure of={action.failure} />
      <Button kind="main" submit busy={action.busy}>
        {action.busy ? "Looking for it" : "Join"}
      </Button>
    </form>
  );
}

export function PartyDoor() {
  const server = useStore((store) => store.state?.status?.server.url ?? null);
  const self = useStore((store) => store.state?.status?.self.name ?? null);
  const problem = useStore((store) => store.state?.network?.problem ?? null);
  return (
    <section class="partydoor">
      <div class="lead">
        <h1>
          One code,
          <br />
          one LAN.
        </h1>
        <p>
          Your machines see each other as if they stood in one room, wherever they are, and nobody
          else sees what goes between them.
        </p>
        <Problem of={problem} />
        <Mesh self={self ?? "you"} peers={[]} small />
      </div>
      <div class="ways">
        <Join />
        <Create server={server !== null} />
      </div>
    </section>
  );
}
