/* settings.tsx - every setting, from the schema that the suite itself has. */
import { useState } from "preact/hooks";
import { useAction, useFetched } from "../action";
import { ask } from "../api";
import { Button } from "../button";
import { Choice, Field, Switch } from "../field";
import { Failure, Waiting } from "../notice";
import { complaintOf, shown } from "../setting";
import { toast } from "../store";
import type { Setting, SettingsChanged } from "../types";
import { Files } from "./configurations";

const titles: Record<string, string> = {
  party: "Party",
  server: "Server",
  tunnel: "Tunnel",
  lan: "LAN games",
  discord: "Discord",
};

function tell(changed: SettingsChanged): void {
  const [key, when] = Object.entries(changed.later)[0] ?? [];
  toast("good", key ? `Saved; ${key} takes effect with the ${when}` : "Saved");
}

function Text({
  setting,
  onSave,
  busy,
}: {
  setting: Setting;
  onSave: (value: string, saved: () => void) => void;
  busy: boolean;
}) {
  const [draft, setDraft] = useState<string | null>(null);
  const value = draft ?? setting.value ?? "";
  const wrong = draft === null ? null : complaintOf(setting, draft);
  const save = (): void => {
    if (draft === null || wrong) return;
    onSave(draft, () => setDraft((now) => (now === draft ? null : now)));
  };
  return (
    <form
      class="text"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <Field
        label={setting.key}
        hiddenLabel
        value={value}
        onInput={setDraft}
        error={wrong}
        type={setting.secret ? "password" : "text"}
        placeholder={
          setting.secret && setting.set ? "set, and not shown" : setting.default || "none"
        }
        max={1023}
        mono
      />
      {draft !== null && draft !== (setting.value ?? "") && (
        <Button submit busy={busy} disabled={wrong !== null} label={`Save ${setting.key}`}>
          Save
        </Button>
      )}
    </form>
  );
}

function Control({
  setting,
  onSave,
  busy,
}: {
  setting: Setting;
  onSave: (value: string | boolean, saved?: () => void) => void;
  busy: boolean;
}) {
  if (setting.type === "switch")
    return (
      <Switch
        label={setting.key}
        hiddenLabel
        on={setting.value === "on"}
        onChange={(on) => onSave(on)}
        busy={busy}
      />
    );
  if (setting.type === "choice")
    return (
      <Choice
        label={setting.key}
        hiddenLabel
        value={setting.value ?? ""}
        choices={(setting.choices ?? []).map((one) => [one, one] as const)}
        onChange={(value) => onSave(value)}
        busy={busy}
      />
    );
  return <Text setting={setting} onSave={onSave} busy={busy} />;
}

function Row({ setting, onChanged }: { setting: Setting; onChanged: () => void }) {
  const action = useAction();
  const change = (
    method: "PATCH" | "POST",
    path: string,
    body: unknown,
    done?: () => void,
  ): Promise<void> =>
    action.run(async () => {
      tell(await ask<SettingsChanged>(method, path, body));
      done?.();
      onChanged();
    });
  return (
    <li class="setting" data-key={setting.key}>
      <div class="words">
        <b>{setting.key}</b>
        <p>{setting.description}</p>
        <p class="hint">
          default: <span class="default">{shown(setting)}</span>
          {setting.applies !== "at once" && ` · takes effect with the ${setting.applies}`}
        </p>
      </div>
      <div class="control">
        <Control
          setting={setting}
          busy={action.busy}
          onSave={(value, saved) =>
            void change("PATCH", "settings", { [setting.key]: value }, saved)
          }
        />
        {setting.set && (
          <Button
            kind="quiet"
            busy={action.busy}
            label={`Reset ${setting.key}`}
            onPress={() => void change("POST", "settings/reset", { keys: [setting.key] })}
          >
            Reset
          </Button>
        )}
        <Failure of={action.failure} />
      </div>
    </li>
  );
}

export function SettingsView() {
  const { data, failure, reload } = useFetched<Setting[]>("settings?describe=1", 10000);
  const groups = [...new Set((data ?? []).map((setting) => setting.group))];
  return (
    <>
      <div class="title">
        <h1>Settings</h1>
        <p class="tally">
          {data &&
            `${data.filter((setting) => setting.set).length} of ${data.length} changed from the default`}
        </p>
      </div>
      <Failure of={failure} retry={reload} />
      {!data && !failure && <Waiting what="Reading them" />}
      {groups.map((group) => (
        <section key={group} class="group" aria-label={titles[group] ?? group}>
          <h2>{titles[group] ?? group}</h2>
          <ul>
            {(data ?? [])
              .filter((setting) => setting.group === group)
              .map((setting) => (
                <Row key={setting.key} setting={setting} onChanged={reload} />
              ))}
          </ul>
        </section>
      ))}
      {data && <Files onChanged={reload} />}
    </>
  );
}
