/* configurations.tsx - all settings at once: as a file, saved under a name, or back to the defaults. */
import { useRef, useState } from "preact/hooks";
import { useAction, useFetched } from "../action";
import { Refusal, ask, part } from "../api";
import { Button } from "../button";
import { Dialog } from "../dialog";
import { Field } from "../field";
import { moment } from "../format";
import { Failure } from "../notice";
import { toast } from "../store";
import type { Configuration, SettingsChanged, SettingsFile } from "../types";

function save(file: SettingsFile): void {
  const url = URL.createObjectURL(
    new Blob([JSON.stringify(file, null, 2)], { type: "application/json" }),
  );
  const link = document.createElement("a");
  link.href = url;
  link.download = "lanrage-settings.json";
  link.click();
  URL.revokeObjectURL(url);
}

async function read(file: File): Promise<unknown> {
  try {
    return JSON.parse(await file.text());
  } catch {
    throw new Refusal(0, "bad_file", `${file.name} is no JSON`, "choose a file that Export wrote");
  }
}

function tell(changed: SettingsChanged): void {
  const n = Object.keys(changed.changed).length;
  toast(
    "good",
    n === 0 ? "Nothing had to change" : `${n} ${n === 1 ? "setting" : "settings"} changed`,
  );
}

function Reset({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const action = useAction();
  const reset = (): Promise<void> =>
    action.run(async () => {
      tell(await ask<SettingsChanged>("POST", "settings/reset", {}));
      onDone();
      onClose();
    });
  return (
    <Dialog title="All back to the defaults?" onClose={onClose}>
      <p>
        Secrets go, too. Save them under a name first if you may want them back; secrets are not
        saved.
      </p>
      <Failure of={action.failure} />
      <div class="row end">
        <Button onPress={onClose}>Keep them</Button>
        <Button kind="danger" busy={action.busy} onPress={() => void reset()}>
          Reset all
        </Button>
      </div>
    </Dialog>
  );
}

function Saved({
  one,
  onChanged,
  onList,
}: {
  one: Configuration;
  onChanged: () => void;
  onList: () => void;
}) {
  const action = useAction();
  const removal = useAction();
  const path = `settings/configurations/${part(one.name)}`;
  return (
    <li>
      <b class="cut" title={one.name}>
        {one.name}
      </b>
      <span class="soft">{one.active ? "in use" : moment(one.saved_at)}</span>
      <span class="row acts">
        {!one.active && (
          <Button
            busy={action.busy}
            label={`Use ${one.name}`}
            onPress={() =>
              void action.run(async () => {
                tell(await ask<SettingsChanged>("POST", `${path}/activate`));
                onChanged();
                onList();
              })
            }
          >
            Use
          </Button>
        )}
        <Button
          kind="quiet"
          busy={removal.busy}
          label={`Forget ${one.name}`}
          onPress={() =>
            void removal.run(async () => {
              await ask("DELETE", path);
              onList();
            })
          }
        >
          Forget
        </Button>
      </span>
      <Failure of={action.failure ?? removal.failure} />
    </li>
  );
}

export function Files({ onChanged }: { onChanged: () => void }) {
  const list = useFetched<Configuration[]>("settings/configurations", 10000);
  const [name, setName] = useState("");
  const [resetting, setResetting] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const action = useAction();
  const exporting = useAction();
  const importing = useAction();
  const take = (file: File | undefined): void => {
    if (!file) return;
    void importing.run(async () => {
      tell(await ask<SettingsChanged>("POST", "settings/import", await read(file)));
      onChanged();
    });
  };
  const keep = (): Promise<void> =>
    action.run(async () => {
      await ask("PUT", `settings/configurations/${part(name.trim())}`);
      setName("");
      list.reload();
    });
  return (
    <section class="group" aria-label="All of them">
      <h2>All of them</h2>
      <div class="row">
        <Button
          busy={exporting.busy}
          onPress={() =>
            void exporting.run(async () => save(await ask<SettingsFile>("GET", "settings/export")))
          }
        >
          Export
        </Button>
        <Button busy={importing.busy} onPress={() => input.current?.click()}>
          Import
        </Button>
        <input
          ref={input}
          class="away"
          type="file"
          accept="application/json,.json"
          aria-label="File to import"
          tabIndex={-1}
          onChange={(event) => {
            take(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
        <Button kind="quiet" onPress={() => setResetting(true)}>
          Reset all
        </Button>
      </div>
      <Failure of={exporting.failure ?? importing.failure} />
      <p class="hint">A file has no secrets, and importing it leaves them.</p>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) void keep();
        }}
      >
        <Field
          label="Save them under a name"
          value={name}
          onInput={setName}
          max={64}
          placeholder="at home"
          required
        />
        <Button submit busy={action.busy}>
          Save
        </Button>
      </form>
      <Failure of={action.failure} />
      <Failure of={list.failure} retry={list.reload} />
      <ul class="saved">
        {(list.data ?? []).map((one) => (
          <Saved key={one.name} one={one} onChanged={onChanged} onList={list.reload} />
        ))}
      </ul>
      {resetting && <Reset onDone={onChanged} onClose={() => setResetting(false)} />}
    </section>
  );
}
