/** A draft as a form. Every input writes its own key into the YAML text. */

import { usePage } from "../context";
import {
  fieldsOf, itemsOf, kindOf, kindsOf, saysOf, sayingsOf, shown, valueAt, withKind, withSays, write, type Field, type Fields, type Says,
} from "../entry";
import { useStrings } from "../i18n";
import type { Task } from "../types";
import { labelStyle } from "../ui/controls";
import { Input, Terms } from "./inputs";
import { TestsField } from "./TestsField";

export function Form({ entry, task }: { entry: Fields; task: Task }) {
  const { session, model } = usePage();
  const t = useStrings();
  const written = model.editing?.written ?? "";
  const kind = kindOf(entry);
  const set = (path: Field["path"], value: unknown) => session.write(write(written, path, value));
  return (
    <form class="form" onSubmit={(event) => event.preventDefault()} autocomplete="off">
      <KindSwitch kind={kind} task={task} onChoose={(to) => session.write(withKind(written, task, kind, to))} />
      {kind !== null && <p class="hint">{t.hint[kind]}</p>}
      {kind !== null && fieldsOf(task, kind).map((field, index) => (
        <Input key={`${kind}.${field.path.join(".")}`} field={field} value={valueAt(entry, field.path)} first={index === 0} onChange={(value) => set(field.path, value)} />
      ))}
      {kind !== null && <Consequence entry={entry} kind={kind} task={task} written={written} />}
      <label class="field">
        <span>{t.editor.name}</span>
        <input
          type="text"
          value={String(entry["name"] ?? "")}
          placeholder={t.editor.namePlaceholder}
          onInput={(event) => set(["name"], event.currentTarget.value.trim() === "" ? undefined : event.currentTarget.value)}
        />
      </label>
      <More entry={entry} task={task} set={set} />
      <TestsField tests={entry["tests"]} task={task} onChange={(tests) => set(["tests"], tests.length > 0 ? tests : undefined)} />
    </form>
  );
}

function KindSwitch({ kind, task, onChoose }: { kind: string | null; task: Task; onChoose: (kind: string) => void }) {
  const t = useStrings();
  const offered = kindsOf(task);
  const first = offered.slice(0, 4);
  const rest = offered.slice(4);
  const other = kind !== null && !first.includes(kind);
  return (
    <fieldset class="kinds">
      <legend>{t.editor.kind}</legend>
      {first.map((name) => (
        <label key={name} class={`pick ${name === kind ? "on" : ""}`}>
          <input type="radio" name="kind" value={name} checked={name === kind} onChange={() => onChoose(name)} />
          {t.kind[name] ?? name}
        </label>
      ))}
      <select class={other ? "on" : ""} aria-label={t.editor.otherKinds} value={other ? kind : ""} onChange={(event) => event.currentTarget.value && onChoose(event.currentTarget.value)}>
        <option value="">{t.editor.otherKinds}</option>
        {(kind !== null && other && !rest.includes(kind) ? [...rest, kind] : rest).map((name) => <option key={name} value={name}>{t.kind[name] ?? name}</option>)}
      </select>
    </fieldset>
  );
}

function Consequence({ entry, kind, task, written }: { entry: Fields; kind: string; task: Task; written: string }) {
  const { session } = usePage();
  const t = useStrings();
  const choices = sayingsOf(task, kind);
  const says = saysOf(entry);
  if (choices.length === 0) return null;
  const all: readonly Says[] = choices.includes(says) ? choices : [...choices, says];
  return (
    <fieldset class="consequence">
      <legend>{t.editor.then}</legend>
      <select
        aria-label={t.editor.then}
        value={says}
        onChange={(event) => session.write(withSays(written, task, event.currentTarget.value as Says))}
      >
        {all.map((choice) => <option key={choice} value={choice}>{choice === "veto" && task.shape === "text" ? t.vetoText : t.says[choice]}</option>)}
      </select>
      <What says={says} entry={entry} task={task} onChange={(value) => session.write(withSays(written, task, says, value))} />
    </fieldset>
  );
}

function What({ says, entry, task, onChange }: { says: Says; entry: Fields; task: Task; onChange: (value: unknown) => void }) {
  const t = useStrings();
  const value = entry[says];
  if (says === "nothing" || task.shape === "passage") return says === "nothing" ? null : <span class="chip l0">{t.answer}</span>;
  if (says === "link") {
    return (
      <select aria-label={t.says.link} value={String(value)} onChange={(event) => onChange(event.currentTarget.value)}>
        {Object.entries(t.linkChoices).map(([choice, text]) => <option key={choice} value={choice}>{text}</option>)}
      </select>
    );
  }
  if (task.shape === "text" || says === "prompt") return <Terms label={says === "veto" ? t.vetoText : t.says[says]} value={value} list={false} onChange={onChange} />;
  const chosen = itemsOf(value)[0] ?? "";
  return (
    <span class="label-choice" role="radiogroup" aria-label={t.texts.label}>
      {task.labels.map((label) => (
        <label key={label.name} class={`pick chip ${labelStyle(task, label.name)} ${label.name === chosen ? "on" : ""}`} title={label.description}>
          <input type="radio" name="says" checked={label.name === chosen} onChange={() => onChange(label.name)} />
          {label.name}
        </label>
      ))}
    </span>
  );
}

function More({ entry, task, set }: { entry: Fields; task: Task; set: (path: Field["path"], value: unknown) => void }) {
  const t = useStrings();
  const unless = entry["unless"];
  const words = valueAt(entry, ["unless", "keywords"]);
  const simple = unless === undefined || (words !== undefined && typeof unless === "object" && unless !== null && Object.keys(unless).length === 1);
  const number = (key: string, initial: number, step: number) => (
    <Input field={{ path: [key], widget: "number", initial }} label={key === "priority" ? t.editor.priority : t.editor.weight} step={step} value={entry[key]} onChange={(value) => set([key], value)} />
  );
  return (
    <details class="more" open={unless !== undefined || entry["priority"] !== undefined || entry["weight"] !== undefined}>
      <summary>{t.editor.more}</summary>
      {simple && shown({ path: ["unless", "keywords"], widget: "terms" }, words)
        ? <Terms label={t.editor.unlessWords} value={words} list onChange={(value) => set(["unless", "keywords"], itemsOf(value).length ? value : undefined)} />
        : <p class="note">{t.editor.partly} <code>unless</code></p>}
      <div class="pair">
        {number("priority", 0, 1)}
        {task.shape !== "text" && number("weight", 1, 0.5)}
      </div>
    </details>
  );
}
