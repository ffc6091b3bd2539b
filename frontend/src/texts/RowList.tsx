/** A list of texts: arrow keys go through it, the chosen one is labelled. */

import { useEffect, useRef, useState } from "preact/hooks";
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
  const list = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const place = Math.min(active, Math.max(0, rows.length - 1));
  const first = rows[0]?.id;
  useEffect(() => setActive(0), [first, props.offset]);

  const go = (to: number) => {
    const next = Math.min(Math.max(0, to), rows.length - 1);
    setActive(next);
    const row = list.current?.querySelectorAll<HTMLElement>("article.row")[next];
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
  return (
    <div class="rows" role="feed" aria-label={props.label} aria-describedby="texts-keys" ref={list} onKeyDown={onKey}>
      <p class="hidden" id="texts-keys">{t.texts.keys}</p>
      {rows.map((row, index) => (
        <TextRow
          key={row.id}
          row={row}
          rule={props.rule}
          active={index === place}
          place={(props.offset ?? 0) + index + 1}
          of={props.total ?? rows.length}
          onActive={() => setActive(index)}
          onRow={props.onRow}
          onLabelled={() => props.advance && go(index + 1)}
        />
      ))}
    </div>
  );
}
