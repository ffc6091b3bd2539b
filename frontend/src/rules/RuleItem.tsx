/** One rule in the list: what it says, what it does, and, where it is chosen, what can be done with it. */

import { usePage } from "../context";
import { percent, short } from "../format";
import { useStrings } from "../i18n";
import type { Entry, RuleRow, Task, TestResult } from "../types";
import { Bar, Interval, Label } from "../ui/controls";
import { Icon, type IconName } from "../ui/icons";
import { largest, rightOf, rowsOf } from "./figures";

interface Props {
  entry: Entry;
  of: number;
  active: boolean;
  open: boolean;
  task: Task;
  dropping: "" | "before" | "after";
  onActive: () => void;
  onDragStart: () => void;
  onDragOver: () => void;
  onDragEnd: () => void;
}

export function RuleItem(props: Props) {
  const { entry, active, open } = props;
  const { session, model } = usePage();
  const t = useStrings();
  const rows = rowsOf(entry, model.numbers);
  const filtered = model.query.rule !== "" && (model.query.rule === entry.name || entry.rules.includes(model.query.rule));
  const show = () => {
    props.onActive();
    const rule = entry.rules.length === 1 ? (entry.rules[0] ?? entry.name) : entry.name;
    const again = filtered && model.chosen === rule;
    session.dispatch({ type: "choose", rule: again ? "" : rule });
    session.dispatch({ type: "query", query: { rule: again || entry.rules.length > 1 ? "" : rule } });
    if (!again && model.tab !== "matches") session.dispatch({ type: "tab", tab: "texts" });
  };
  return (
    <li
      class={`rule ${active ? "active" : ""} ${open ? "open" : ""} ${entry.muted ? "muted" : ""} ${props.dropping && `drop-${props.dropping}`}`}
      onDragOver={(event) => (event.preventDefault(), props.onDragOver())}
      onDrop={(event) => event.preventDefault()}
    >
      <div class="rule-line">
        <span
          class="grip"
          draggable
          aria-hidden="true"
          title={t.rules.drag}
          onDragStart={(event) => (event.dataTransfer?.setData("text/plain", entry.name), props.onDragStart())}
          onDragEnd={props.onDragEnd}
        >
          <Icon name="grip" />
        </span>
        <button
          type="button"
          class="rule-main"
          tabIndex={active ? 0 : -1}
          aria-expanded={open}
          onFocus={props.onActive}
          onClick={show}
          onDblClick={() => entry.locked === null && session.edit(entry)}
        >
          <span class="rule-top">
            <span class="rule-name">{entry.name}</span>
            <Marks entry={entry} rows={rows} />
            <Says entry={entry} task={props.task} />
          </span>
          <Figures entry={entry} rows={rows} />
        </button>
      </div>
      {open && <Details entry={entry} of={props.of} rows={rows} />}
    </li>
  );
}

function Marks({ entry, rows }: { entry: Entry; rows: RuleRow[] }) {
  const { session } = usePage();
  const t = useStrings();
  const failed = entry.tests.filter((test) => test.ok === false).length;
  const faults = rows.reduce((sum, row) => sum + row.faults, 0);
  return (
    <span class="marks">
      {session.drafts.find(entry.hash) && <span class="tag">{t.rules.draft}</span>}
      {entry.muted && <Mark icon="silent" text={t.rules.muted} />}
      {entry.locked && <Mark icon="lock" text={`${t.rules.locked}: ${t.server(entry.locked)}`} />}
      {faults > 0 && <Mark icon="warn" text={t.rules.faults(faults)} bad />}
      {entry.tests.length > 0 && (
        <Mark
          icon={failed ? "cross" : "check"}
          bad={failed > 0}
          text={failed ? t.rules.testsFailed(failed, entry.tests.length) : t.rules.testsOk(entry.tests.length)}
        />
      )}
    </span>
  );
}

function Mark({ icon, text, bad = false }: { icon: IconName; text: string; bad?: boolean }) {
  return (
    <span class={`mark-icon ${bad ? "bad" : ""}`} title={text}>
      <Icon name={icon} />
      <span class="hidden">{text}</span>
    </span>
  );
}

function Says({ entry, task }: { entry: Entry; task: Task }) {
  const t = useStrings();
  if (task.shape === "text" || entry.labels.length === 0) return <span class="says faint">{short(entry.says, 34)}</span>;
  if (entry.rules.length > 1 && entry.labels.length > 1) return <span class="says faint">{t.rules.many(entry.rules.length)}</span>;
  const veto = "veto" in entry.entry || "arguments" in entry.entry;
  return (
    <span class="says">
      {entry.labels.slice(0, 3).map((label) => <Label key={label} name={label} veto={veto} />)}
      {entry.labels.length > 3 && <span class="faint">+{entry.labels.length - 3}</span>}
    </span>
  );
}

function Figures({ entry, rows }: { entry: Entry; rows: RuleRow[] }) {
  const t = useStrings();
  if (rows.length === 0) return <span class="rule-figures faint">{entry.muted ? t.rules.muted : entry.rules.length > 1 ? t.rules.many(entry.rules.length) : "…"}</span>;
  const coverage = largest(rows, (row) => row.coverage);
  const conflict = largest(rows, (row) => row.conflict);
  const right = rightOf(rows);
  const demands = rows.some((row) => row.kept !== undefined);
  return (
    <span class="rule-figures">
      <span class={coverage === 0 ? "bad" : ""}>
        {coverage === 0 ? t.rules.never : <>{t.rules.covers} <b>{percent(coverage)}</b></>}
      </span>
      {!demands && coverage > 0 && (
        <span class={conflict > coverage / 3 ? "bad" : ""}>{t.rules.conflict} <b>{percent(conflict)}</b></span>
      )}
      <span class="right-figure">
        {right.interval ? (
          <>
            <b>{t.rules.rightOf(right.right, right.judged)}</b>
            <Interval
              value={right.right / right.judged}
              low={right.interval[0]}
              high={right.interval[1]}
              label={(demands ? t.rules.keptLong : t.rules.rightLong)(right.right, right.judged, percent(right.interval[0], 0), percent(right.interval[1], 0))}
            />
          </>
        ) : <span class="faint" title={t.rules.noGold}>–</span>}
      </span>
    </span>
  );
}

function Details({ entry, of, rows }: { entry: Entry; of: number; rows: RuleRow[] }) {
  const { session, model } = usePage();
  const t = useStrings();
  const broken = (model.state?.problems.length ?? 0) > 0;
  const fixed = broken || entry.movable === false;
  const echo = rows.find((row) => row.echo);
  return (
    <div class="rule-details">
      {entry.locked && <p class="note"><Icon name="lock" /> {t.server(entry.locked)}</p>}
      {rows.filter((row) => row.faults > 0).map((row) => <p key={row.name} class="note bad"><Icon name="warn" /> {t.rules.faults(row.faults)}: {row.failure}</p>)}
      {echo?.echo ? <p class="note">{t.rules.echo(echo.echo)}</p> : rows.some((row) => row.redundant) && <p class="note">{t.rules.redundant}</p>}
      <Tests tests={entry.tests} />
      {rows.length > 1 && <Parts rows={rows} />}
      <div class="actions" role="group" aria-label={entry.name}>
        <Action icon="edit" text={t.rules.edit} label off={entry.locked !== null || broken} onClick={() => session.edit(entry)} />
        <Action icon="test" text={t.rules.addTest} off={entry.locked !== null || broken} onClick={() => session.addTest(entry)} />
        <Action icon={entry.muted ? "sound" : "silent"} text={entry.muted ? t.rules.unmute : t.rules.mute} off={fixed} onClick={() => session.mute(entry)} />
        <Action icon="up" text={t.rules.up} off={fixed || entry.position === 0} onClick={() => session.move(entry, entry.position - 1)} />
        <Action icon="down" text={t.rules.down} off={fixed || entry.position === of - 1} onClick={() => session.move(entry, entry.position + 1)} />
        <Action icon="bulb" text={t.rules.suggest} onClick={() => session.dispatch({ type: "suggestFor", rule: entry.name })} />
        <Action icon="trash" text={t.rules.remove} off={fixed} onClick={() => session.remove(entry)} />
        <span class="faint where">{t.rules.line(entry.line)}</span>
      </div>
    </div>
  );
}

function Action(props: { icon: IconName; text: string; label?: boolean; off?: boolean; onClick: () => void }) {
  return (
    <button type="button" class={props.label ? "small" : "icon-button"} title={props.text} aria-label={props.text} disabled={props.off} onClick={props.onClick}>
      <Icon name={props.icon} />
      {props.label && props.text}
    </button>
  );
}

function Tests({ tests }: { tests: TestResult[] }) {
  const t = useStrings();
  if (tests.length === 0) return null;
  return (
    <ul class="tests" aria-label={t.rules.tests}>
      {tests.map((test, index) => (
        <li key={index} class={test.ok === false ? "bad" : ""}>
          <Icon name={test.ok === false ? "cross" : test.ok ? "check" : "help"} />
          <span class="hidden">{test.ok === false ? t.editor.failed : test.ok ? t.editor.passed : t.editor.notRun}: </span>
          <span>{short(test.text, 80)}{test.ok === false && <i> – {t.editor.got(t.server(test.got ?? ""))}</i>}</span>
        </li>
      ))}
    </ul>
  );
}

function Parts({ rows }: { rows: RuleRow[] }) {
  const { session, model } = usePage();
  const t = useStrings();
  return (
    <ul class="parts">
      {rows.slice(0, 40).map((row) => (
        <li key={row.name}>
          <button type="button" class="link" aria-pressed={model.query.rule === row.name} onClick={() => session.dispatch({ type: "query", query: { rule: model.query.rule === row.name ? "" : row.name } })}>
            {row.name}
          </button>
          <Bar share={row.coverage} />
          <span class="faint">{t.rules.covers} {percent(row.coverage)}</span>
        </li>
      ))}
    </ul>
  );
}
