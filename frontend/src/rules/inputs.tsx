/** Inputs for the values of a rule. */

import { useEffect, useState } from "preact/hooks";
import { itemsOf, shown, THINGS, type Field } from "../entry";
import { useStrings } from "../i18n";

interface InputProps {
  field: Field;
  value: unknown;
  onChange: (value: unknown) => void;
  label?: string;
  step?: number;
  first?: boolean;
}

export function Input(props: InputProps) {
  const { field, value, onChange } = props;
  const t = useStrings();
  const label = props.label ?? t.field[field.path.join(".")] ?? field.path.join(".");
  if (!shown(field, value)) return <p class="note">{label}: {t.editor.partly}</p>;
  switch (field.widget) {
    case "terms":
      return <Terms label={label} value={value} list={field.list ?? false} first={props.first ?? false} onChange={onChange} />;
    case "regex":
    case "line":
      return (
        <label class="field">
          <span>{label}</span>
          <input
            type="text"
            class={field.widget === "regex" ? "code" : ""}
            spellcheck={false}
            value={value === undefined ? "" : String(value)}
            data-first={props.first || undefined}
            onInput={(event) => onChange(event.currentTarget.value === "" && !props.first ? undefined : event.currentTarget.value)}
          />
        </label>
      );
    case "flag": return <Flag label={label} field={field} value={value} onChange={onChange} />;
    case "number": return <NumberInput {...props} label={label} />;
    case "choice":
      return (
        <label class="field inline">
          <span>{label}</span>
          <select value={String(value ?? field.initial ?? "")} data-first={props.first || undefined} onChange={(event) => onChange(event.currentTarget.value || undefined)}>
            {field.choices?.map((choice) => (
              <option key={choice} value={choice}>{choice === "" && field.path[0] === "type" ? t.anyType : (t.choice[choice] ?? choice)}</option>
            ))}
          </select>
        </label>
      );
    case "things": return <Things label={label} value={value} onChange={onChange} />;
  }
}

function Flag({ label, field, value, onChange }: InputProps & { label: string }) {
  const on = typeof value === "boolean" ? value : field.initial === true;
  return (
    <label class="flag">
      <input
        type="checkbox"
        checked={on}
        onChange={(event) => {
          const checked = event.currentTarget.checked;
          onChange(checked === field.initial ? undefined : checked);
        }}
      />
      {label}
    </label>
  );
}

function NumberInput({ field, value, onChange, label, step, first }: InputProps & { label: string }) {
  return (
    <label class="field inline">
      <span>{label}</span>
      <input
        type="number"
        step={step ?? "any"}
        data-first={first || undefined}
        placeholder={field.initial === undefined ? "" : String(field.initial)}
        value={value === undefined || value === null ? "" : String(value)}
        onInput={(event) => {
          const typed = event.currentTarget.value;
          const number = Number(typed);
          onChange(typed === "" || Number.isNaN(number) || number === field.initial ? undefined : number);
        }}
      />
    </label>
  );
}

function Things({ label, value, onChange }: { label: string; value: unknown; onChange: (value: unknown) => void }) {
  const t = useStrings();
  const chosen = itemsOf(value);
  const toggle = (thing: string, on: boolean) => {
    const next = on ? [...chosen, thing] : chosen.filter((other) => other !== thing);
    onChange(next.length === 1 ? next[0] : next);
  };
  return (
    <fieldset class="things">
      <legend>{label}</legend>
      {THINGS.map((thing) => (
        <label key={thing} class="flag">
          <input type="checkbox" checked={chosen.includes(thing)} onChange={(event) => toggle(thing, event.currentTarget.checked)} />
          {t.choice[thing]}
        </label>
      ))}
    </fieldset>
  );
}

/** A list, one item a line. What is typed stays as it is typed: an empty line at the end is where the next item begins. */
export function Terms(props: { label: string; value: unknown; list: boolean; first?: boolean; onChange: (value: unknown) => void }) {
  const t = useStrings();
  const items = itemsOf(props.value);
  const [typed, setTyped] = useState(items.join("\n"));
  const read = (text: string) => text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  useEffect(() => {
    if (JSON.stringify(read(typed)) !== JSON.stringify(items)) setTyped(items.join("\n"));
  }, [props.value]);
  const change = (text: string) => {
    setTyped(text);
    const lines = read(text);
    props.onChange(props.list || lines.length !== 1 ? lines : lines[0]);
  };
  return (
    <label class="field">
      <span>{props.label} <small>{t.editor.terms(items.length)}</small></span>
      <textarea
        rows={Math.min(9, Math.max(props.first ? 4 : 2, typed.split("\n").length))}
        spellcheck={false}
        value={typed}
        data-first={props.first || undefined}
        onInput={(event) => change(event.currentTarget.value)}
      />
    </label>
  );
}
