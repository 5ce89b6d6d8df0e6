/* action.ts - something that the user asked for and that takes a while: busy, then done or refused. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Refusal, ask } from "./api";

export interface Action {
  busy: boolean;
  failure: Refusal | null;
  run: (work: () => Promise<void>) => Promise<void>;
  clear: () => void;
}

function refusalFrom(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal(
    0,
    "broken",
    error instanceof Error ? error.message : String(error),
    "reload the page",
  );
}

export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Refusal | null>(null);
  const running = useRef(false);
  const run = async (work: () => Promise<void>): Promise<void> => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setFailure(null);
    try {
      await work();
    } catch (error) {
      setFailure(refusalFrom(error));
    }
    running.current = false;
    setBusy(false);
  };
  return { busy, failure, run, clear: () => setFailure(null) };
}

export interface Fetched<T> {
  data: T | null; /* the last answer, kept while the next is on its way */
  failure: Refusal | null;
  busy: boolean;
  reload: () => void;
}

/* Asked for at first, when path changes, on reload(), and every `everyMs` where given. */
export function useFetched<T>(path: string, everyMs = 0): Fetched<T> {
  const [answer, setAnswer] = useState<{ data: T | null; failure: Refusal | null; busy: boolean }>({
    data: null,
    failure: null,
    busy: true,
  });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    const load = async (): Promise<void> => {
      setAnswer((before) => ({ ...before, busy: true }));
      try {
        const data = await ask<T>("GET", path);
        if (current) setAnswer({ data, failure: null, busy: false });
      } catch (error) {
        if (current)
          setAnswer((before) => ({ ...before, failure: refusalFrom(error), busy: false }));
      }
    };
    void load();
    const timer = everyMs > 0 ? setInterval(() => void load(), everyMs) : 0;
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [path, everyMs, round]);
  return { ...answer, reload: () => setRound((n) => n + 1) };
}
