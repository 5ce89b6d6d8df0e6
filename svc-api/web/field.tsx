/* field.tsx - labelled inputs. What is wrong with a value is said below it, and tied to it. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: ComponentChildren;
  error?: string | null;
  type?: "text" | "number" | "password" | "search" | "url";
  placeholder?: string;
  max?: number; /* characters */
  required?: boolean;
  mono?: boolean;
  hiddenLabel?: boolean;
}

export function Field(props: FieldProps) {
  const id = useId();
  const below = props.error ?? props.hint;
  return (
    <div class={`field${props.mono ? " mono" : ""}`}>
      <label for={id} class={props.hiddenLabel ? "away" : undefined}>
        {props.label}
      </label>
      <input
        id={id}
        type={(props.type ?? "text") as "text"} /* the types want one kind at a time */
        value={props.value}
        placeholder={props.placeholder}
        maxLength={props.max}
        required={props.required}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={props.error ? "true" : undefined}
        aria-describedby={below ? `${id}-below` : undefined}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
      {below && (
        <p id={`${id}-below`} class={props.error ? "wrong" : "hint"}>
          {below}
        </p>
      )}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  choices: readonly (readonly [value: string, words: string])[];
  onChange: (value: string) => void;
  busy?: boolean;
  hiddenLabel?: boolean;
}

export function Choice({ label, value, choices, onChange, busy, hiddenLabel }: ChoiceProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id} class={hiddenLabel ? "away" : undefined}>
        {label}
      </label>
      <select
        id={id}
        value={value}
        aria-busy={busy ? "true" : undefined}
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        {choices.map(([one, words]) => (
          <option key={one} value={one}>
            {words}
          </option>
        ))}
      </select>
      {busy && <span class="spinner" aria-hidden="true" />}
    </div>
  );
}

interface SwitchProps {
  label: string;
  on: boolean;
  onChange: (on: boolean) => void;
  busy?: boolean;
  hiddenLabel?: boolean;
}

/* Never disabled: that would take the focus away. */
export function Switch({ label, on, onChange, busy, hiddenLabel }: SwitchProps) {
  return (
    <label class="switch">
      <input
        type="checkbox"
        role="switch"
        checked={on}
        aria-busy={busy ? "true" : undefined}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <span class="track" aria-hidden="true" />
      <span class={hiddenLabel ? "away" : undefined}>{label}</span>
      {busy && <span class="spinner" aria-hidden="true" />}
    </label>
  );
}
