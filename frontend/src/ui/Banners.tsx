/** What the user must know now, above everything; and what was just done, below. */

import { usePage } from "../context";
import { useStrings } from "../i18n";
import { IconButton, Problems } from "./controls";
import { Icon } from "./icons";

export function Banners() {
  const { session, model } = usePage();
  const t = useStrings();
  const state = model.state;
  return (
    <div class="banners" role="status">
      {!model.online && <p class="banner bad"><Icon name="warn" />{t.notice.offline}</p>}
      {state && state.problems.length > 0 && (
        <div class="banner bad">
          <p>{t.notice.broken}</p>
          <Problems problems={state.problems} />
        </div>
      )}
      {model.online && model.notice && (
        <p class="banner">
          <Icon name={model.notice === "back" ? "check" : "warn"} />
          {t.notice[model.notice]}
          <IconButton icon="close" label={t.app.dismiss} onClick={() => session.dispatch({ type: "dismiss" })} />
        </p>
      )}
      {state && !state.ready.texts && <p class="banner calm">{t.notice.reading}</p>}
    </div>
  );
}

export function Toasts() {
  const { session, model } = usePage();
  const t = useStrings();
  return (
    <div class="toasts" role="status" aria-live="polite">
      <p class="hidden">{session.said}</p>
      {model.toasts.map((toast) => (
        <div key={toast.key} class={`toast ${toast.bad ? "bad" : ""}`}>
          {toast.bad && <Icon name="warn" />}
          <span>{toast.text}</span>
          {toast.undo && model.state?.undo && (
            <button type="button" class="link" onClick={() => (session.dispatch({ type: "untoast", key: toast.key }), session.undo())}>{t.app.undo}</button>
          )}
          <IconButton icon="close" label={t.app.dismiss} onClick={() => session.dispatch({ type: "untoast", key: toast.key })} />
        </div>
      ))}
    </div>
  );
}
