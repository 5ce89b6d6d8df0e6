/* button.tsx - a button that says when what it does takes a while, and copies where it is told to. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

interface ButtonProps {
  children: ComponentChildren;
  onPress?: () => void;
  busy?: boolean;
  kind?: "plain" | "main" | "danger" | "quiet";
  label?: string; /* what it is called where the words on it do not say enough */
  submit?: boolean;
  disabled?: boolean;
  pressed?: boolean;
  expanded?: boolean;
}

export function Button({
  children,
  onPress,
  busy,
  kind = "plain",
  label,
  submit,
  disabled,
  pressed,
  expanded,
}: ButtonProps) {
  return (
    <button
      type={submit ? "submit" : "button"}
      class={`button ${kind}`}
      onClick={onPress}
      disabled={disabled ?? false}
      aria-disabled={busy ? "true" : undefined}
      aria-busy={busy ? "true" : undefined}
      aria-label={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
    >
      {children}
      {busy && <span class="spinner" aria-hidden="true" />}
    </button>
  );
}

/* Where the browser gives no clipboard, the text is selected, for the user to copy. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "away";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return done;
  }
}

/* The words on it are children, or "Copy" and, to a screen reader, what. */
export function Copy({
  text,
  what,
  children,
}: {
  text: string;
  what?: string;
  children?: ComponentChildren;
}) {
  const [said, say] = useState<string | null>(null);
  const copy = async (): Promise<void> => {
    say((await copyText(text)) ? "Copied" : "Select it and copy");
    setTimeout(() => say(null), 1600);
  };
  return (
    <Button kind="quiet" onPress={() => void copy()}>
      <span aria-live="polite">{said ?? children ?? "Copy"}</span>
      {!said && !children && <span class="away"> {what}</span>}
    </Button>
  );
}
