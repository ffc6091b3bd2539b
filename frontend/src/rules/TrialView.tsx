/** What the draft does: of itself, and to all rules together. */

import { usePage, useTask } from "../context";
import { count, percent, points } from "../format";
import { useStrings } from "../i18n";
import type { RuleRow, Totals, Trial } from "../types";
import { Interval } from "../ui/controls";
import { largest, rightOf } from "./figures";

/** The whole of it, above the texts that the draft matches. */
export function TrialView() {
  const { model } = usePage();
  const t = useStrings();
  const trial = model.tried?.trial;
  const texts = model.numbers?.table.texts ?? model.state?.counts.texts ?? 0;
  if (!trial) return <p class="empty">{model.trying ? t.editor.trying : t.editor.waiting}</p>;
  if (trial.problems.length > 0) return <p class="empty">{t.editor.notYet}</p>;
  return (
    <section class="trial" aria-label={t.editor.trial}>
      <h3>
        <span class="big">{t.editor.matched(trial.matched, texts)}</span>
        <small>{trial.approximate ? `${t.editor.sampled} · ` : ""}{t.editor.seconds(trial.seconds.toFixed(2))}</small>
      </h3>
      <div class="trial-parts">
        <div>
          <Own rows={trial.rows} />
          <h4>{t.editor.changes}</h4>
          <Moves trial={trial} />
        </div>
        {trial.before && trial.after && <Change before={trial.before} after={trial.after} />}
      </div>
    </section>
  );
}

/** The most important of it, always in sight while the draft is written. */
export function TrialLine() {
  const { model } = usePage();
  const t = useStrings();
  const trial = model.tried?.trial;
  const fresh = model.tried?.written === model.editing?.written;
  const texts = model.numbers?.table.texts ?? model.state?.counts.texts ?? 0;
  return (
    <div class="trial-line" aria-busy={model.trying} role="status">
      {trial && trial.problems.length === 0 ? (
        <div class={fresh ? "" : "stale"}>
          <p>{t.editor.matched(trial.matched, texts)}</p>
          <Own rows={trial.rows} short />
          <Moves trial={trial} />
        </div>
      ) : <p class="faint">{model.trying ? t.editor.trying : t.editor.waiting}</p>}
    </div>
  );
}

function Own({ rows, short = false }: { rows: RuleRow[]; short?: boolean }) {
  const t = useStrings();
  const right = rightOf(rows);
  const demands = rows.some((row) => row.kept !== undefined);
  const [first] = rows;
  const long = demands ? t.rules.keptLong : t.rules.rightLong;
  if (!first) return null;
  return (
    <>
      <dl class="own">
        {!short && <div><dt>{t.rules.covers}</dt><dd>{percent(largest(rows, (row) => row.coverage))}</dd></div>}
        {!demands && <div><dt>{t.rules.conflict}</dt><dd>{percent(largest(rows, (row) => row.conflict))}</dd></div>}
        <div><dt>{demands ? t.rules.kept : t.rules.right}</dt><dd>{right.judged ? t.rules.rightOf(right.right, right.judged) : "–"}</dd></div>
        {!demands && <div><dt>{t.rules.believed}</dt><dd>{percent(first.estimated, 0)}</dd></div>}
      </dl>
      {right.interval && !short && (
        <Interval value={right.right / right.judged} low={right.interval[0]} high={right.interval[1]} label={long(right.right, right.judged, percent(right.interval[0], 0), percent(right.interval[1], 0))} />
      )}
      {!short && (first.echo ? <p class="note">{t.rules.echo(first.echo)}</p> : first.redundant && <p class="note">{t.rules.redundant}</p>)}
    </>
  );
}

function Moves({ trial }: { trial: Trial }) {
  const t = useStrings();
  return (
    <dl class="moves">
      <Move name={t.editor.gained} hint={t.editor.gainedLong} value={trial.gained} sign="+" />
      <Move name={t.editor.lost} hint={t.editor.lostLong} value={trial.lost} sign="−" />
      <Move name={t.editor.turned} hint={t.editor.turnedLong} value={trial.turned} sign="" />
    </dl>
  );
}

function Move({ name, hint, value, sign }: { name: string; hint: string; value: number; sign: string }) {
  return (
    <div title={hint}>
      <dt>{name}</dt>
      <dd class={value === 0 ? "faint" : ""}>{value === 0 ? "0" : `${sign}${count(value)}`}</dd>
    </div>
  );
}

export function Change({ before, after }: { before: Totals; after: Totals }) {
  const t = useStrings();
  const written = useTask().shape === "text";
  const lines: [string, number | null, number | null, boolean][] = [
    [t.numbers.coverage, before.coverage, after.coverage, true],
    [t.numbers.conflict, written ? null : before.conflict, written ? null : after.conflict, false],
    [written ? t.numbers.kept : t.numbers.right, before.right, after.right, true],
    [t.numbers.believed, before.believed, after.believed, true],
  ];
  return (
    <table class="change">
      <thead>
        <tr><td /><th scope="col">{t.editor.before}</th><th scope="col">{t.editor.after}</th><td /></tr>
      </thead>
      <tbody>
        {lines.filter(([, a, b]) => a !== null || b !== null).map(([name, from, to, more]) => {
          const difference = (to ?? 0) - (from ?? 0);
          const kind = Math.abs(difference) < 0.0005 ? "faint" : (difference > 0) === more ? "good" : "bad";
          return (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{percent(from)}</td>
              <td><b>{percent(to)}</b></td>
              <td class={kind}>{from !== null && to !== null ? points(difference) : ""}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
