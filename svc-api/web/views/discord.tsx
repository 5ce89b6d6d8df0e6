/* discord.tsx - telling a Discord channel of the party. The webhook's address goes in, and never out. */
import { useState } from "preact/hooks";
import { useAction, useFetched } from "../action";
import { ask } from "../api";
import { Button, Copy } from "../button";
import { Field, Switch } from "../field";
import { Failure, Waiting } from "../notice";
import { toast } from "../store";
import type { Discord } from "../types";

interface SecretProps {
  label: string;
  hint: string;
  placeholder: string;
  secret: boolean;
  isSet: boolean;
  path: "discord/webhook" | "discord/invite";
  field: "webhook" | "invite";
  onDone: () => void;
}

function Address(props: SecretProps) {
  const [value, setValue] = useState("");
  const action = useAction();
  const removal = useAction();
  const put = (): Promise<void> =>
    action.run(async () => {
      await ask("PUT", props.path, { [props.field]: value.trim() });
      setValue("");
      toast("good", `${props.label} is set`);
      props.onDone();
    });
  const remove = (): Promise<void> =>
    removal.run(async () => {
      await ask("DELETE", props.path);
      props.onDone();
    });
  return (
    <form
      class="address-form"
      onSubmit={(event) => {
        event.preventDefault();
        void put();
      }}
    >
      <Field
        label={props.label}
        hint={props.hint}
        type={props.secret ? "password" : "url"}
        placeholder={props.placeholder}
        value={value}
        onInput={setValue}
        max={1023}
        mono
        required
      />
      <div class="row">
        <Button submit busy={action.busy}>
          {props.isSet ? "Replace" : "Set"}
        </Button>
        {props.isSet && (
          <Button
            kind="quiet"
            busy={removal.busy}
            onPress={() => void remove()}
            label={`Remove ${props.label}`}
          >
            Remove
          </Button>
        )}
      </div>
      <Failure of={action.failure ?? removal.failure} />
    </form>
  );
}

function Switches({ discord, onDone }: { discord: Discord; onDone: () => void }) {
  const action = useAction();
  const set = (key: string, on: boolean): Promise<void> =>
    action.run(async () => {
      await ask("PATCH", "settings", { [key]: on });
      onDone();
    });
  return (
    <div class="switches">
      <Switch
        label="Tell the channel who comes and goes"
        on={discord.enabled}
        busy={action.busy}
        onChange={(on) => void set("discord.enabled", on)}
      />
      <Switch
        label="Show the party in my Discord profile"
        on={discord.presence}
        busy={action.busy}
        onChange={(on) => void set("discord.presence", on)}
      />
      <Failure of={action.failure} />
    </div>
  );
}

function state(discord: Discord): string {
  if (discord.enabled && discord.webhook_set) return "The channel hears of the party.";
  if (discord.enabled) return "Switched on, but no webhook is set: nothing is sent.";
  return discord.webhook_set ? "A webhook is set, and switched off." : "Off.";
}

export function DiscordView() {
  const status = useFetched<Discord>("discord/status", 10000);
  const steps = useFetched<string[]>("discord/instructions");
  const discord = status.data;
  return (
    <>
      <div class="title">
        <h1>Discord</h1>
        <p class="tally">{discord && state(discord)}</p>
      </div>
      <Failure of={status.failure} retry={status.reload} />
      {!discord && !status.failure && <Waiting what="Asking" />}
      {discord && (
        <div class="two">
          <section aria-label="What is set up">
            <Switches discord={discord} onDone={status.reload} />
            <Address
              label="Webhook"
              hint={
                discord.webhook_set
                  ? "One is set. It is not shown: whoever has it can write into the channel."
                  : "None is set."
              }
              placeholder="https://discord.com/api/webhooks/…"
              secret
              isSet={discord.webhook_set}
              path="discord/webhook"
              field="webhook"
              onDone={status.reload}
            />
            <Address
              label="Invite"
              hint={discord.invite ? "Friends find your Discord server by it." : "None is set."}
              placeholder="https://discord.gg/…"
              secret={false}
              isSet={discord.invite !== null}
              path="discord/invite"
              field="invite"
              onDone={status.reload}
            />
            {discord.invite && (
              <p class="row">
                <code class="cut" title={discord.invite}>
                  {discord.invite}
                </code>
                <Copy text={discord.invite} what="the invite" />
              </p>
            )}
          </section>
          <section aria-label="How to set it up">
            <h2>How to</h2>
            <Failure of={steps.failure} retry={steps.reload} />
            {!steps.data && !steps.failure && <Waiting what="Reading it" />}
            <ol class="steps">
              {(steps.data ?? []).map((step, i) => (
                <li key={i}>{step}</li>
              ))}
            </ol>
          </section>
        </div>
      )}
    </>
  );
}
