/** The answer of a text that is answered by a text, what rules demand of it, and its editing. */

import { useState } from "preact/hooks";
import { usePage } from "../context";
import { short } from "../format";
import { useStrings } from "../i18n";
import type { Demand, Row } from "../types";
import { Icon } from "../ui/icons";

export function Written({ row, active, onSave }: { row: Row; active: boolean; onSave: (answer: string) => void }) {
  const { session } = usePage();
  const t = useStrings();
  const now = row.target ?? (typeof row.gold === "string" ? row.gold : null);
  const draft = session.drafts.answer(row.id);
  const [typed, setTyped] = useState<string | null>(null);
  const editing = typed !== null;
  const start = () => setTyped(draft ?? now ?? "");
  const type = (text: string) => {
    setTyped(text);
    session.drafts.keepAnswer(row.id, text === now ? null : text);
  };
  const save = () => {
    if (typed === null) return;
    session.drafts.keepAnswer(row.id, null);
    setTyped(null);
    if (typed !== now) onSave(typed);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") setTyped(null);
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="written" onKeyDown={(event) => !editing && active && event.key === "Enter" && event.target === event.currentTarget && start()}>
      <span class="who">{t.texts.target}</span>
      {editing ? (
        <div class="target-editor" onKeyDown={onKey}>
          <textarea aria-label={t.texts.editTarget} ref={focused} rows={3} value={typed} onInput={(event) => type(event.currentTarget.value)} />
          <div class="actions">
            <button type="button" class="primary small" onClick={save}><Icon name="check" />{t.texts.saveTarget}</button>
            <button type="button" class="quiet small" onClick={() => setTyped(null)}>{t.texts.cancel}</button>
            <kbd>Ctrl ⏎</kbd>
          </div>
        </div>
      ) : (
        <div class="target">
          <p dir="auto" class={now === null ? "faint" : ""}>{now ?? t.texts.noTarget}</p>
          {active && (
            <button type="button" class="small quiet edit-target" onClick={start}><Icon name="edit" />{t.texts.editTarget}{draft !== null && ` (${t.rules.draft})`}</button>
          )}
        </div>
      )}
      {row.demands.length > 0 && <Demands demands={row.demands} all={active} />}
    </div>
  );
}

/** What rules demand of the answer; in a text that is not chosen only what is broken, and how much is kept. */
function Demands({ demands, all }: { demands: readonly Demand[]; all: boolean }) {
  const t = useStrings();
  const shown = all ? demands : demands.filter((demand) => demand.kept === false);
  const kept = demands.filter((demand) => demand.kept).length;
  return (
    <ul class="demands">
      {shown.map((demand, index) => {
        const state = demand.kept === null ? "unknown" : demand.kept ? "kept" : "broken";
        return (
          <li key={index} class={state} title={demand.says}>
            <Icon name={state === "kept" ? "check" : state === "broken" ? "cross" : "help"} />
            <span class="hidden">{t.texts[state]}: </span>
            <span><b>{demand.rule}</b> {short(demand.says, 110)}</span>
          </li>
        );
      })}
      {!all && kept > 0 && <li class="kept"><Icon name="check" /><span>{t.texts.keptCount(kept)}</span></li>}
    </ul>
  );
}

function focused(element: HTMLTextAreaElement | null): void {
  if (element && document.activeElement !== element && !element.dataset["seen"]) {
    element.dataset["seen"] = "yes";
    element.focus();
  }
}
