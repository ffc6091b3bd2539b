/** Text with marks on it, as pieces that do not overlap: what is drawn. */

import { Places } from "./offsets";
import type { Firing, Row, Span } from "./types";

/** Something to show on a range of code points. */
export interface Mark {
  start: number;
  end: number;
  kind: "fires" | "veto" | "gold" | "entity" | "chosen" | "cursor";
  label: string | null;
  rule: string | null;
}

/** Characters that have the same marks; `ends` are the marks that end here. */
export interface Piece {
  text: string;
  start: number;
  marks: Mark[];
  ends: Mark[];
}

/** The text cut at every edge of a mark. Marks without characters, or outside the text, are left out. */
export function pieces(text: string, marks: readonly Mark[]): Piece[] {
  const places = new Places(text);
  const within = marks
    .map((mark) => ({ ...mark, start: Math.max(0, mark.start), end: Math.min(places.length, mark.end) }))
    .filter((mark) => mark.end > mark.start);
  const edges = [...new Set([0, places.length, ...within.flatMap((mark) => [mark.start, mark.end])])].sort((a, b) => a - b);
  return edges.slice(0, -1).map((start, index) => {
    const end = edges[index + 1] ?? start;
    return {
      text: places.slice(start, end),
      start,
      marks: within.filter((mark) => mark.start <= start && mark.end >= end),
      ends: within.filter((mark) => mark.end === end && mark.start <= start),
    };
  });
}

export function isSpans(answer: unknown): answer is Span[] {
  return Array.isArray(answer) && answer.every((item) => typeof item === "object" && item !== null && "start" in item);
}

/** What is marked in a row: its entities, what rules matched (of one rule where `rule` is given), and gold spans. */
export function marksOf(row: Row, rule: string): Mark[] {
  const fired = row.firings.filter((firing) => rule === "" || firing.rule === rule).flatMap(ofFiring);
  const gold = isSpans(row.gold) ? row.gold.map((span): Mark => ({ ...span, kind: "gold", rule: null })) : [];
  // The first entity is the subject, the second the object; `rule` carries which.
  const entities = row.entities.map((span, index): Mark => ({ ...span, kind: "entity", rule: index === 0 ? "subject" : "object" }));
  return [...entities, ...fired, ...gold];
}

function ofFiring(firing: Firing): Mark[] {
  return firing.spans.map(([start, end]) => ({
    start, end, kind: firing.veto ? "veto" : "fires", label: firing.label, rule: firing.rule,
  }));
}

/** Spans after one more is marked: what it overlaps goes, and marking the same again takes it away. */
export function withSpan(spans: readonly Span[], added: Span): Span[] {
  const same = spans.some((span) => span.start === added.start && span.end === added.end && span.label === added.label);
  const rest = withoutSpans(spans, added.start, added.end);
  return same ? rest : [...rest, added].sort((a, b) => a.start - b.start);
}

/** Spans that do not touch a range. */
export function withoutSpans(spans: readonly Span[], start: number, end: number): Span[] {
  return spans.filter((span) => span.end <= start || span.start >= end);
}
