/** The right column: what all rules do together, and whether they are worth it. */

import type { ComponentChildren } from "preact";
import { usePage, useTask } from "../context";
import { count, percent } from "../format";
import { useStrings } from "../i18n";
import type { Numbers as Figures } from "../types";
import { Bar, Label } from "../ui/controls";
import { Curve, Confusion, Worth } from "./plots";
import { RuleTable } from "./RuleTable";
import { TrainCard } from "./TrainCard";

export function NumbersColumn() {
  const { model } = usePage();
  const t = useStrings();
  const numbers = model.numbers;
  const stale = numbers !== null && numbers.revision !== model.state?.revision;
  return (
    <>
      <div class="column-head">
        <h2>{t.numbers.title}</h2>
        <small class="faint" role="status">{stale ? t.numbers.stale : ""}</small>
      </div>
      <div class={`column-scroll ${stale ? "stale" : ""}`} tabIndex={-1}>
        <TrainCard />
        {numbers === null ? <p class="empty">{t.numbers.pending}</p> : <Sections numbers={numbers} />}
      </div>
    </>
  );
}

function Sections({ numbers }: { numbers: Figures }) {
  const t = useStrings();
  const shares = Object.entries(numbers.shares);
  return (
    <>
      <Section title={t.numbers.totals}><Totals numbers={numbers} /></Section>
      {numbers.estimate && <Section title={t.numbers.worth}><Worth estimate={numbers.estimate} /></Section>}
      {numbers.curve.length > 1 && <Section title={t.numbers.curve}><Curve points={numbers.curve} /></Section>}
      {shares.length > 0 && <Section title={t.numbers.shares}><Shares shares={shares} /></Section>}
      {numbers.confusion && numbers.confusion.labels.length > 0 && <Section title={t.numbers.confusion}><Confusion {...numbers.confusion} /></Section>}
      <Section title={t.numbers.table}><RuleTable rows={numbers.table.rows} /></Section>
    </>
  );
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <details class="section" open>
      <summary><h3>{title}</h3></summary>
      {children}
    </details>
  );
}

function Totals({ numbers }: { numbers: Figures }) {
  const t = useStrings();
  const task = useTask();
  const { totals } = numbers;
  const written = task.shape === "text";
  return (
    <dl class="totals">
      <Total name={t.numbers.coverage} value={percent(totals.coverage)} share={totals.coverage} note={count(numbers.table.texts)} />
      {!written && <Total name={t.numbers.conflict} value={percent(totals.conflict)} share={totals.conflict} bad />}
      <Total
        name={written ? t.numbers.kept : t.numbers.right}
        value={percent(totals.right, 0)}
        share={totals.right ?? 0}
        note={totals.interval ? `${percent(totals.interval[0], 0)}–${percent(totals.interval[1], 0)}, n = ${count(totals.judged)}` : t.rules.noGold}
      />
      {!written && <Total name={t.numbers.believed} value={percent(totals.believed, 0)} share={totals.believed ?? 0} />}
    </dl>
  );
}

function Total({ name, value, share, note, bad = false }: { name: string; value: string; share: number; note?: string; bad?: boolean }) {
  return (
    <div class={bad ? "is-bad" : ""}>
      <dt>{name}</dt>
      <dd>
        <b>{value}</b>
        <small>{note}</small>
      </dd>
      <Bar share={share} />
    </div>
  );
}

function Shares({ shares }: { shares: [string, number][] }) {
  const most = Math.max(...shares.map(([, share]) => share), 0.0001);
  return (
    <ul class="shares">
      {shares.map(([label, share]) => (
        <li key={label}>
          <Label name={label} />
          <Bar share={share / most} />
          <span>{percent(share)}</span>
        </li>
      ))}
    </ul>
  );
}
