/** The rules of the task file, in its order. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { usePage, useTask } from "../context";
import { useStrings } from "../i18n";
import type { Session } from "../session";
import type { Entry } from "../types";
import { Icon } from "../ui/icons";
import { RuleItem } from "./RuleItem";

export function RuleList() {
  const { session, model } = usePage();
  const t = useStrings();
  const task = useTask();
  const list = useRef<HTMLOListElement>(null);
  const rules = model.state?.rules ?? [];
  const [active, setActive] = useState(0);
  const [dragged, setDragged] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const refocus = useRef(false);
  const place = Math.min(active, Math.max(0, rules.length - 1));

  useEffect(() => {
    const chosen = rules.findIndex((entry) => entry.name === model.chosen || entry.rules.includes(model.chosen));
    if (model.chosen !== "" && chosen >= 0) setActive(chosen);
  }, [model.chosen]);
  useLayoutEffect(() => {
    if (!refocus.current) return;
    refocus.current = false;
    focusAt(list.current, place);
  }, [rules]);

  useEffect(() => {
    if (!session.focusRules) return;
    session.focusRules = false;
    requestAnimationFrame(() => list.current?.querySelector<HTMLElement>('.rule-main[tabindex="0"]')?.focus());
  }, []);

  const go = (to: number) => {
    const next = Math.min(Math.max(0, to), rules.length - 1);
    setActive(next);
    focusAt(list.current, next);
  };
  const onKey = (event: KeyboardEvent) => {
    const entry = rules[place];
    if (!entry || event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey) return;
    const moving = movesTo(event, place);
    if (moving !== null) {
      refocus.current = true;
      setActive(Math.min(Math.max(0, moving), rules.length - 1));
      session.move(entry, moving);
    } else if (!act(event, session, entry, place, rules.length, go, () => (refocus.current = true))) return;
    event.preventDefault();
  };

  return (
    <>
      <div class="column-head">
        <h2 id="rules-title">{t.rules.title} <span class="count">{rules.length}</span></h2>
        <button type="button" class="primary small" onClick={() => session.create()} aria-keyshortcuts="n">
          <Icon name="plus" />
          {t.rules.add}
        </button>
      </div>
      <Drafts />
      {rules.length === 0 && <p class="empty">{t.rules.empty}</p>}
      <p class="hidden" id="rules-keys">{t.rules.keys}</p>
      <ol class="rules" ref={list} onKeyDown={onKey} aria-labelledby="rules-title" aria-describedby="rules-keys">
        {rules.map((entry, index) => (
          <RuleItem
            key={`${entry.hash}:${entry.name}`}
            entry={entry}
            of={rules.length}
            active={index === place}
            open={index === place && model.chosen !== "" && (model.chosen === entry.name || entry.rules.includes(model.chosen))}
            task={task}
            dropping={over === index ? (dragged !== null && dragged < index ? "after" : "before") : ""}
            onActive={() => setActive(index)}
            onDragStart={() => setDragged(index)}
            onDragOver={() => dragged !== null && setOver(index)}
            onDragEnd={() => {
              const moved = dragged === null ? undefined : rules[dragged];
              if (moved && over !== null && over !== dragged) session.move(moved, over);
              setDragged(null);
              setOver(null);
            }}
          />
        ))}
      </ol>
    </>
  );
}

function focusAt(list: HTMLElement | null, place: number): void {
  list?.querySelectorAll<HTMLElement>(".rule-main")[place]?.focus();
}

function movesTo(event: KeyboardEvent, place: number): number | null {
  if (!event.altKey) return null;
  return event.key === "ArrowUp" ? place - 1 : event.key === "ArrowDown" ? place + 1 : null;
}

function act(
  event: KeyboardEvent, session: Session, entry: Entry, place: number, count: number, go: (to: number) => void, keepFocus: () => void,
): boolean {
  const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: count - 1 }[event.key];
  const onMain = event.target instanceof HTMLElement && event.target.classList.contains("rule-main");
  if (to !== undefined) go(to);
  else if (event.key === "m" || event.key === "M") keepFocus(), session.mute(entry);
  else if (event.key === "Delete") keepFocus(), session.remove(entry);
  else if (event.key === "Enter" && onMain && entry.locked === null) session.edit(entry);
  else return false;
  return true;
}

function Drafts() {
  const { session, model } = usePage();
  const t = useStrings();
  const drafts = session.drafts.all();
  if (drafts.length === 0 || model.state === null) return null;
  return (
    <div class="drafts">
      <span>{t.rules.drafts}:</span>
      {drafts.map((draft) => {
        const name = draft.name || t.rules.unnamed;
        return (
          <button key={draft.hash} type="button" class="link" aria-label={t.rules.openDraft(name)} onClick={() => session.resume(draft.hash, draft.name)}>
            {name}
          </button>
        );
      })}
    </div>
  );
}
