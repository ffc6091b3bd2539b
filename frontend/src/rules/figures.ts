/** Figures of an entry, which may stand for many rules. */

import type { Entry, Numbers, RuleRow } from "../types";

export function rowsOf(entry: Entry, numbers: Numbers | null): RuleRow[] {
  const names = new Set(entry.rules.length > 0 ? entry.rules : [entry.name]);
  return numbers?.table.rows.filter((row) => names.has(row.name) && !row.entry) ?? [];
}

/** Right and judged of one rule or of many together; a demand that is kept is right. */
export function rightOf(rows: readonly RuleRow[]): { right: number; judged: number; interval: [number, number] | null } {
  const right = rows.reduce((sum, row) => sum + (row.correct ?? row.kept ?? 0), 0);
  const judged = rows.reduce((sum, row) => sum + row.judged, 0);
  const [first] = rows;
  return { right, judged, interval: rows.length === 1 && first ? first.interval : wilson(right, judged) };
}

/** 95% Wilson score interval of a share. */
export function wilson(right: number, judged: number): [number, number] | null {
  if (judged === 0) return null;
  const z = 1.959964;
  const share = right / judged;
  const spread = z * Math.sqrt((share * (1 - share)) / judged + (z * z) / (4 * judged * judged));
  const scale = 1 + (z * z) / judged;
  const middle = share + (z * z) / (2 * judged);
  return [Math.max(0, (middle - spread) / scale), Math.min(1, (middle + spread) / scale)];
}

export const largest = (rows: readonly RuleRow[], value: (row: RuleRow) => number | undefined): number =>
  rows.reduce((most, row) => Math.max(most, value(row) ?? 0), 0);
