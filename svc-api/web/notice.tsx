/* notice.tsx - what is wrong, what is missing, and what is on its way, each with what to do. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Refusal } from "./api";
import { sentence } from "./format";
import type { Network } from "./types";

export function Failure({ of, retry }: { of: Refusal | null; retry?: () => void }) {
  if (!of) return null;
  return (
    <div class="failure" role="alert">
      <p class="what">{sentence(of.message)}</p>
      {of.hint && <p class="hint">{sentence(of.hint)}</p>}
      {retry && (
        <button type="button" class="button quiet" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/* What keeps this machine from the party. */
export function Problem({ of }: { of: Network["problem"] | undefined }) {
  if (!of) return null;
  return (
    <div class="failure" role="alert">
      <p class="what">{sentence(of.text)}</p>
      <p class="hint">{sentence(of.remedy)}</p>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="title">{title}</p>
      {children && <div class="hint">{children}</div>}
    </div>
  );
}

/* Says so only when half a second was not enough. */
export function Waiting({ what }: { what: string }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 400);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p class="waiting" role="status">
      {late && (
        <>
          <span class="spinner" aria-hidden="true" /> {what}…
        </>
      )}
    </p>
  );
}
