/** What a key does to a text's label: pure, so that it can be tested. */

import { isSpans, withoutSpans, withSpan } from "../spans";
import type { Answer, Row, Span, Task } from "../types";

/** Whether a label can be taken away here: one of the data file can only be overruled. */
export const canTake = (row: Row): boolean => row.gold !== null && row.hand;

/** Labels in the order of their keys: the first nine have one. */
export function keysOf(task: Task): { key: string; label: string }[] {
  const labels = task.shape === "passage" ? ["answer"] : task.shape === "text" ? [] : task.labels.map((label) => label.name);
  return labels.map((label, index) => ({ key: index < 9 ? String(index + 1) : "", label }));
}

/** The answer after a label is chosen; undefined where it changes nothing (spans need chosen characters). */
export function choose(task: Task, row: Row, label: string, chosen: [number, number] | null): Answer | null | undefined {
  switch (task.shape) {
    case "label":
      if (!task.multi_label) return row.gold === label ? undefined : label;
      return toggled(Array.isArray(row.gold) ? (row.gold as string[]) : [], label, task);
    case "spans":
      return chosen === null ? undefined : withSpan(spansOf(row.gold), { start: chosen[0], end: chosen[1], label });
    case "passage":
      return chosen === null ? undefined : [{ start: chosen[0], end: chosen[1], label: "" }];
    case "text": return undefined;
  }
}

/** The answer that says: nothing of these. Of one label there is no such answer; then the label is taken away. */
export function none(task: Task, row: Row): Answer | null | undefined {
  if (task.shape === "text") return undefined;
  if (task.shape === "label" && !task.multi_label) return task.negative ?? (canTake(row) ? null : undefined);
  return Array.isArray(row.gold) && row.gold.length === 0 ? undefined : [];
}

/** The answer without what stands at the chosen characters, or without any where none are chosen. */
export function without(task: Task, row: Row, chosen: [number, number] | null): Answer | null | undefined {
  if (row.gold === null) return undefined;
  if (chosen === null || (task.shape !== "spans" && task.shape !== "passage")) return canTake(row) ? null : undefined;
  const spans = spansOf(row.gold);
  const rest = withoutSpans(spans, chosen[0], chosen[1]);
  return rest.length === spans.length ? undefined : rest;
}

const spansOf = (answer: Answer | null): Span[] => (isSpans(answer) ? answer : []);

function toggled(labels: readonly string[], label: string, task: Task): string[] {
  const chosen = new Set(labels.includes(label) ? labels.filter((other) => other !== label) : [...labels, label]);
  return task.labels.map((known) => known.name).filter((name) => chosen.has(name));
}

/** Words chosen with the keyboard: a word, or several from `from` to `to`. */
export interface Cursor {
  from: number;
  to: number;
}

/** The cursor one word on, or the choice one word longer. */
export function step(cursor: Cursor | null, count: number, by: 1 | -1, extend: boolean): Cursor | null {
  if (count === 0) return null;
  if (cursor === null) return by > 0 ? { from: 0, to: 0 } : { from: count - 1, to: count - 1 };
  const to = Math.min(count - 1, Math.max(0, cursor.to + by));
  return extend ? { from: cursor.from, to } : { from: to, to };
}

/** Characters of the chosen words. */
export function rangeOf(cursor: Cursor | null, words: readonly [number, number][]): [number, number] | null {
  if (cursor === null) return null;
  const first = words[Math.min(cursor.from, cursor.to)];
  const last = words[Math.max(cursor.from, cursor.to)];
  return first && last ? [first[0], last[1]] : null;
}
