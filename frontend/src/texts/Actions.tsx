/** What can be done with the text that is chosen: label it, or make a rule or a test from its words. */

import { usePage, useTask } from "../context";
import { itemsOf, kindOf, parse, write, type Fields } from "../entry";
import { short } from "../format";
import { useStrings } from "../i18n";
import { isSpans } from "../spans";
import type { Row, Task } from "../types";
import { labelStyle } from "../ui/controls";
import { Icon } from "../ui/icons";
import { canTake, keysOf } from "./labelling";

interface Props {
  row: Row;
  chosen: string;
  busy: boolean;
  onLabel: (label: string) => void;
  onNone: () => void;
  onTake: () => void;
}

export function Actions(props: Props) {
  const { row, chosen } = props;
  const t = useStrings();
  const task = useTask();
  const needsWords = task.shape === "spans" || task.shape === "passage";
  return (
    <div class="row-actions">
      {task.shape !== "text" && (
        <div class="label-keys" role="group" aria-label={t.texts.saves}>
          {keysOf(task).map(({ key, label }) => {
            const on = row.gold === label || (Array.isArray(row.gold) && !isSpans(row.gold) && row.gold.includes(label));
            return (
              <button
                key={label}
                type="button"
                class={`label-key ${labelStyle(task, label)} ${on ? "on" : ""}`}
                disabled={props.busy || (needsWords && chosen === "")}
                aria-pressed={needsWords ? undefined : on}
                onClick={() => props.onLabel(label)}
              >
                {key && <kbd>{key}</kbd>}
                {task.shape === "passage" ? t.answer : label}
              </button>
            );
          })}
          {(needsWords || task.multi_label) && (
            <button type="button" class="label-key plain" disabled={props.busy} onClick={props.onNone}><kbd>0</kbd>{task.shape === "passage" ? t.noAnswer : task.shape === "spans" ? t.texts.noEntity : t.texts.noGoldSpans}</button>
          )}
          {canTake(row) && (
            <button type="button" class="label-key quiet" disabled={props.busy} onClick={props.onTake} title={t.texts.takeAway} aria-label={t.texts.takeAway}><kbd>⌫</kbd></button>
          )}
        </div>
      )}
      <span class="id">{row.cut && `${t.texts.cut} · `}{t.texts.part[row.part] ?? row.part} · {short(row.id, 18)}</span>
      {chosen !== "" && <FromWords words={chosen} row={row} task={task} />}
    </div>
  );
}

/** A rule or a test from words, or words more for the draft that is open. */
function FromWords({ words, row, task }: { words: string; row: Row; task: Task }) {
  const { session, model } = usePage();
  const t = useStrings();
  const draft = model.editing ? parse(model.editing.written).entry : null;
  const labels = task.shape === "label" || task.shape === "spans" ? task.labels.slice(0, 9) : [];
  return (
    <div class="from-words" role="group" aria-label={t.texts.chosen(short(words))}>
      <q>{short(words, 32)}</q>
      {draft && kindOf(draft) === "keywords" && (
        <button type="button" class="small" onClick={() => session.addTerms([words])}><Icon name="plus" />{String(draft["name"] ?? t.rules.unnamed)}</button>
      )}
      <span class="faint">{t.texts.makeRule}</span>
      {labels.length > 0
        ? labels.map((label) => (
          <button key={label.name} type="button" class={`small chip ${labelStyle(task, label.name)}`} aria-label={`${t.texts.makeRule}: ${label.name}`} onClick={() => session.create([words], label.name)}>{label.name}</button>
        ))
        : <button type="button" class="small" onClick={() => session.create([words])}><Icon name="plus" />{t.kind["keywords"]}</button>}
      {model.editing && draft && (
        <button
          type="button"
          class="small quiet"
          onClick={() => session.write(write(model.editing?.written ?? "", ["tests"], [...tests(draft), { text: row.text, expect: true }]))}
        >
          <Icon name="test" />
          {t.texts.makeTest}
        </button>
      )}
    </div>
  );
}

const tests = (entry: Fields): unknown[] => (Array.isArray(entry["tests"]) ? entry["tests"] : itemsOf(entry["tests"]));
