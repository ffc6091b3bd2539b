/** Texts, and what a rule must do with them. */

import { usePage } from "../context";
import type { Fields } from "../entry";
import { useStrings } from "../i18n";
import type { Task, TestResult } from "../types";
import { IconButton } from "../ui/controls";
import { Icon } from "../ui/icons";

export function TestsField({ tests, task, onChange }: { tests: unknown; task: Task; onChange: (tests: Fields[]) => void }) {
  const { model } = usePage();
  const t = useStrings();
  const items = Array.isArray(tests) ? tests.filter((test): test is Fields => typeof test === "object" && test !== null) : [];
  const results = model.tried?.written === model.editing?.written ? (model.tried?.trial.tests ?? []) : [];
  const set = (index: number, changes: Fields) => onChange(items.map((test, place) => (place === index ? clean({ ...test, ...changes }) : test)));
  return (
    <fieldset class="tests-field">
      <legend>{t.editor.tests}</legend>
      {items.map((test, index) => (
        <div class="test" key={index}>
          <Result result={results[index]} />
          <input type="text" aria-label={t.editor.testText} value={String(test["text"] ?? "")} onInput={(event) => set(index, { text: event.currentTarget.value })} />
          {task.shape === "text" && (
            <input type="text" aria-label={t.editor.testAnswer} placeholder={t.editor.testAnswer} value={String(test["answer"] ?? "")} onInput={(event) => set(index, { answer: event.currentTarget.value || undefined })} />
          )}
          <Expect test={test} task={task} onChange={(expect) => set(index, { expect })} />
          <IconButton icon="close" label={t.editor.removeTest} onClick={() => onChange(items.filter((_, place) => place !== index))} />
        </div>
      ))}
      <button type="button" class="quiet small" onClick={() => onChange([...items, { text: "", expect: true }])}>
        <Icon name="plus" />
        {t.editor.addTest}
      </button>
    </fieldset>
  );
}

function Result({ result }: { result: TestResult | undefined }) {
  const t = useStrings();
  const ok = result?.ok ?? null;
  const text = ok === null ? t.editor.notRun : ok ? t.editor.passed : `${t.editor.failed}: ${t.editor.got(t.server(result?.got ?? ""))}`;
  return (
    <span class={`mark-icon ${ok === false ? "bad" : ok ? "good" : "faint"}`} title={text}>
      <Icon name={ok === null ? "test" : ok ? "check" : "cross"} />
      <span class="hidden">{text}</span>
    </span>
  );
}

function Expect({ test, task, onChange }: { test: Fields; task: Task; onChange: (expect: unknown) => void }) {
  const t = useStrings();
  const value = test["expect"];
  const plain = task.shape === "text" || task.shape === "passage";
  const chosen = value === true || (value === undefined && task.shape === "text") ? "+" : value === false || value === null || value === undefined ? "-" : `=${String(value)}`;
  const labels = plain ? [] : task.labels.map((label) => label.name);
  return (
    <select
      aria-label={t.editor.testExpect}
      value={chosen}
      onChange={(event) => {
        const choice = event.currentTarget.value;
        onChange(choice === "+" ? true : choice === "-" ? false : choice.slice(1));
      }}
    >
      <option value="+">{task.shape === "text" ? t.texts.kept : t.editor.fires}</option>
      <option value="-">{task.shape === "text" ? t.texts.broken : t.editor.silent}</option>
      {labels.map((label) => <option key={label} value={`=${label}`}>{label}</option>)}
    </select>
  );
}

function clean(test: Fields): Fields {
  return Object.fromEntries(Object.entries(test).filter(([, value]) => value !== undefined));
}
