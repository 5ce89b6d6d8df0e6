/* toasts.tsx - news of the party, told once and read out. */
import { dismiss, useStore } from "./store";

export function Toasts() {
  const toasts = useStore((store) => store.toasts);
  return (
    <div class="toasts" role="status" aria-live="polite" aria-label="News">
      {toasts.map((one) => (
        <div key={one.id} class={`toast ${one.kind}`}>
          <p>
            {one.about && (
              <span class="cut" title={one.about}>
                {one.about}
              </span>
            )}{" "}
            {one.text}
          </p>
          <button type="button" aria-label="Dismiss" onClick={() => dismiss(one.id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
