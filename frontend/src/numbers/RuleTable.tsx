/** Every rule with its figures; a column's head sorts by it. */

import { useState } from "preact/hooks";
import { usePage } from "../context";
import { percent } from "../format";
import { useStrings } from "../i18n";
import type { RuleRow } from "../types";

type Column = "name" | "coverage" | "overlap" | "conflict" | "right" | "kept" | "estimated" | "new";

const VOTING: readonly Column[] = ["name", "coverage", "overlap", "conflict", "right", "estimated", "new"];
const DEMANDING: readonly Column[] = ["name", "coverage", "kept"];

function value(row: RuleRow, column: Column): number | string {
  switch (column) {
    case "name": return row.name;
    case "coverage": return row.coverage;
    case "overlap": return row.overlap ?? -1;
    case "conflict": return row.conflict ?? -1;
    case "right": return row.judged ? (row.correct ?? 0) / row.judged : -1;
    case "kept": return row.judged ? (row.kept ?? 0) / row.judged : -1;
    case "estimated": return row.estimated ?? -1;
    case "new": return row.new ?? -1;
  }
}

export function sorted(rows: readonly RuleRow[], column: Column, down: boolean): RuleRow[] {
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a, column), value(b, column)];
    return sign * (typeof x === "string" || typeof y === "string" ? String(x).localeCompare(String(y)) : x - y) || a.name.localeCompare(b.name);
  });
}

export function RuleTable({ rows }: { rows: readonly RuleRow[] }) {
  const { session, model } = usePage();
  const t = useStrings();
  const columns = rows.some((row) => row.kept !== undefined) ? DEMANDING : VOTING;
  const [by, setBy] = useState<Column>("coverage");
  const [down, setDown] = useState(true);
  const choose = (column: Column) => {
    setDown(column === by ? !down : column !== "name");
    setBy(column);
  };
  const show = (rule: string) => {
    session.dispatch({ type: "choose", rule });
    session.dispatch({ type: "query", query: { rule } });
    if (model.tab !== "matches") session.dispatch({ type: "tab", tab: "texts" });
  };
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={t.numbers.table}>
      <table class="rule-table">
        <caption class="hidden">{t.numbers.table_caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col" class={`c-${column}`} aria-sort={column === by ? (down ? "descending" : "ascending") : "none"}>
                <button type="button" onClick={() => choose(column)} title={t.numbers.sort(t.numbers.columns[column])}>
                  {t.numbers.columns[column]}
                  <span aria-hidden="true">{column === by ? (down ? " ↓" : " ↑") : ""}</span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, by, down).slice(0, 500).map((row) => (
            <tr key={`${row.name}:${row.entry ?? ""}`} class={row.name === model.chosen ? "chosen" : ""}>
              {columns.map((column) => <Cell key={column} row={row} column={column} onShow={show} />)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ row, column, onShow }: { row: RuleRow; column: Column; onShow: (rule: string) => void }) {
  switch (column) {
    case "name": return <th scope="row"><button type="button" class="link" onClick={() => onShow(row.name)}>{row.name}</button></th>;
    case "right":
    case "kept": return <td>{row.judged ? <>{`${row.correct ?? row.kept ?? 0}/${row.judged}`}</> : <span class="faint">–</span>}</td>;
    case "estimated": return <td class="c-estimated">{percent(row.estimated, 0)}</td>;
    case "coverage": return <td>{percent(row.coverage)}</td>;
    case "overlap": return <td class="c-overlap">{percent(row.overlap)}</td>;
    case "conflict": return <td>{percent(row.conflict)}</td>;
    case "new": return <td class="c-new">{percent(row.new, 0)}</td>;
  }
}
