/** A list of texts: arrow keys go through it, the chosen one is labelled. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useTask } from "../context";
import { useStrings } from "../i18n";
import type { Row } from "../types";
import { isTyping } from "../ui/controls";
import { TextRow } from "./TextRow";

interface Props {
  rows: readonly Row[];
  rule: string;
  label: string;
  offset?: number;
  total?: number;
  /** After a label, go on to the next text. */
  advance?: boolean;
  onRow: (row: Row) => void;
  onPage?: (by: 1 | -1) => void;
}

export function RowList(props: Props) {
  const { rows } = props;
  const t = useStrings();
  const task = useTask();
  const list = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<{ place: number; id: string | undefined }>({ place: 0, id: undefined });
  const focused = useRef(false);
  const found = rows.findIndex((row) => row.id === active.id);
  // A text that is gone leaves its place to the one that follows it.
  const place = found >= 0 ? found : Math.min(active.place, Math.max(0, rows.length - 1));
  const activate = (to: number) => setActive({ place: to, id: rows[to]?.id });
  useLayoutEffect(() => {
    if (focused.current && document.activeElement === document.body) at(list.current, place)?.focus({ preventScroll: true });
  }, [rows]);

  const go = (to: number) => {
    const next = Math.min(Math.max(0, to), rows.length - 1);
    activate(next);
    const row = at(list.current, next);
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
  };
  const onKey = (event: KeyboardEvent) => {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined) go(to);
    else if (event.key === "PageDown" && props.onPage) props.onPage(1);
    else if (event.key === "PageUp" && props.onPage) props.onPage(-1);
    else if (event.key === "Enter" && event.target instanceof HTMLElement && event.target.matches("article.row")) {
      event.target.querySelector<HTMLElement>(".edit-target")?.click();
    } else return;
    event.preventDefault();
  };
  if (rows.length === 0) return null;
  return (
    <div class="rows" role="feed" aria-label={props.label} aria-describedby="texts-keys" ref={list} onKeyDown={onKey} onFocusIn={() => (focused.current = true)} onFocusOut={(event) => (focused.current = event.relatedTarget === null)}>
      <p class="hidden" id="texts-keys">{t.texts.keys} {(task.shape === "spans" || task.shape === "passage") && t.texts.spanKeys}</p>
      {rows.map((row, index) => (
        <TextRow
          key={row.id}
          row={row}
          rule={props.rule}
          active={index === place}
          place={(props.offset ?? 0) + index + 1}
          of={props.total ?? rows.length}
          onActive={() => activate(index)}
          onRow={props.onRow}
          onLabelled={() => props.advance && go(index + 1)}
        />
      ))}
    </div>
  );
}

const at = (list: HTMLElement | null, place: number): HTMLElement | undefined => list?.querySelectorAll<HTMLElement>("article.row")[place];
