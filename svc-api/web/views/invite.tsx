/* invite.tsx - the code that lets friends in, to read out, copy, or photograph. */
import { useState } from "preact/hooks";
import { useAction } from "../action";
import { ask } from "../api";
import { Button, Copy } from "../button";
import { Choice, Switch } from "../field";
import { moment } from "../format";
import { setInvite, useInvite } from "../invites";
import { Failure } from "../notice";
import { Qr } from "../qr";
import type { Invite } from "../types";

const LIVES = [
  ["0", "as the settings say"],
  ["600", "10 minutes"],
  ["3600", "1 hour"],
  ["86400", "1 day"],
  ["604800", "1 week"],
] as const;

function Code({ invite }: { invite: Invite }) {
  const action = useAction();
  const revoke = (): Promise<void> =>
    action.run(async () => {
      await ask("POST", "party/revoke", { code: invite.code });
      setInvite(null);
    });
  return (
    <div class="code">
      <div class="words">
        <p class="big">{invite.code}</p>
        <p class="hint">
          Good until{" "}
          <time dateTime={invite.expires_at} title={invite.expires_at}>
            {moment(invite.expires_at)}
          </time>
          . A friend types it into the page, or <code>lanrage join {invite.code}</code>
        </p>
        <div class="row">
          <Copy text={invite.code}>Copy code</Copy>
          {invite.link && <Copy text={invite.link}>Copy link</Copy>}
          <Button kind="quiet" busy={action.busy} onPress={() => void revoke()}>
            Make it useless
          </Button>
        </div>
        <Failure of={action.failure} />
      </div>
      {invite.link && <Qr text={invite.link} label={`QR code of the link ${invite.link}`} />}
    </div>
  );
}

export function InvitePanel() {
  const invite = useInvite();
  const [once, setOnce] = useState(false);
  const [ttl, setTtl] = useState("0");
  const action = useAction();
  const make = (): Promise<void> =>
    action.run(async () => {
      setInvite(await ask<Invite>("POST", "party/invite", { once, ttl_s: Number(ttl) }));
    });
  return (
    <section class="invite" aria-label="Invite friends">
      <h2>Invite</h2>
      {invite ? (
        <Code invite={invite} />
      ) : (
        <p class="hint">Friends come in by a code. Make one, and read it out.</p>
      )}
      <div class="row make">
        <Choice label="Good for" value={ttl} choices={LIVES} onChange={setTtl} />
        <Switch label="For one friend only" on={once} onChange={setOnce} />
        <Button kind={invite ? "plain" : "main"} busy={action.busy} onPress={() => void make()}>
          {invite ? "Another code" : "Make a code"}
        </Button>
      </div>
      <Failure of={action.failure} />
    </section>
  );
}
