/** The draft of a rule: as a form or as YAML, with what it does while it is typed. */

import { useLayoutEffect, useRef } from "preact/hooks";
import { usePage, useTask } from "../context";
import { kindOf, parse } from "../entry";
import { useStrings } from "../i18n";
import { isChanged, isStale } from "../store";
import { IconButton, Problems, Tabs } from "../ui/controls";
import { Icon } from "../ui/icons";
import { Form } from "./Form";
import { TrialLine } from "./TrialView";

export function Editor() {
  const { session, model } = usePage();
  const t = useStrings();
  const editing = model.editing;
  const root = useRef<HTMLElement>(null);
  // Before the next key arrives: what is typed right after the shortcut belongs into the form.
  useLayoutEffect(() => {
    root.current?.querySelector<HTMLElement>("[data-first]")?.focus();
  }, [editing?.position, editing?.hash]);
  if (!editing) return null;
  const { entry } = parse(editing.written);
  const name = entry?.["name"];
  const title = editing.position === null ? t.editor.newTitle : t.editor.title(String(name ?? ""));
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape" && !editing.conflict) session.leave();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void session.save();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <section class="editor" ref={root} aria-label={title} onKeyDown={onKey}>
      <div class="column-head">
        <IconButton icon="left" label={t.editor.back} onClick={() => session.leave()} />
        <h2 title={title}>{title}</h2>
        <Tabs
          items={[{ key: "form" as const, label: t.editor.form }, { key: "yaml" as const, label: t.editor.yaml }]}
          chosen={editing.view}
          onChoose={(view) => session.dispatch({ type: "view", view })}
          label={t.rules.edit}
          panel="editor-panel"
        />
      </div>
      <div class="column-scroll" tabIndex={-1}>
        {editing.restored && isChanged(editing) && <p class="note">{t.editor.restored}</p>}
        {isStale(editing, model.state?.rules ?? []) && !editing.conflict && <p class="note bad">{t.editor.elsewhere}</p>}
        {editing.conflict && (
          <p class="note bad">
            <span>{t.editor.conflictTitle}. <button type="button" class="link" onClick={() => session.dispatch({ type: "tab", tab: "matches" })}>{t.editor.bothVersions}</button></span>
          </p>
        )}
        <div id="editor-panel" role="tabpanel" aria-labelledby={`editor-panel-${editing.view}`}>
          {editing.view === "form" ? <FormOrNote /> : <Yaml />}
        </div>
      </div>
      <Found />
      <Footer />
    </section>
  );
}

function FormOrNote() {
  const { model } = usePage();
  const task = useTask();
  const t = useStrings();
  const { entry } = parse(model.editing?.written ?? "");
  if (entry === null) return <p class="note bad">{t.editor.notYaml}</p>;
  const known = kindOf(entry) !== null || Object.keys(entry).every((key) => ["name", "vote", "veto", "tests"].includes(key));
  if (!known) return <p class="note">{t.editor.noForm}</p>;
  return <Form entry={entry} task={task} />;
}

function Yaml() {
  const { session, model } = usePage();
  const t = useStrings();
  const written = model.editing?.written ?? "";
  const { error } = parse(written);
  return (
    <div class="yaml">
      <textarea
        data-first
        class="code"
        spellcheck={false}
        autocomplete="off"
        aria-label={t.editor.yaml}
        aria-invalid={error !== null}
        aria-describedby="yaml-error"
        rows={Math.min(24, Math.max(8, written.split("\n").length + 1))}
        value={written}
        onInput={(event) => session.write(event.currentTarget.value)}
      />
      <p id="yaml-error" class="field-error" aria-live="polite">
        {error !== null && (error === "mapping" ? t.editor.notMapping : `${t.editor.notYaml}: ${error}`)}
      </p>
    </div>
  );
}

/** What the server finds wrong with the draft, or else what the draft does. */
function Found() {
  const { model } = usePage();
  const editing = model.editing;
  const tried = model.tried?.written === editing?.written ? (model.tried?.trial.problems ?? []) : [];
  const problems = [...(editing?.refused ?? []), ...tried];
  return <div class="found" aria-live="polite">{problems.length > 0 ? <Problems problems={problems} /> : <TrialLine />}</div>;
}

function Footer() {
  const { session, model } = usePage();
  const t = useStrings();
  const editing = model.editing;
  if (!editing) return null;
  const changed = isChanged(editing);
  const broken = (model.state?.problems.length ?? 0) > 0;
  return (
    <div class="editor-foot">
      <button
        type="button"
        class="primary"
        disabled={(!session.valid && !model.trying) || !changed || editing.saving || editing.conflict !== null || broken || !model.online}
        onClick={() => void session.save()}
        title={t.editor.saveKey}
        aria-keyshortcuts="Control+Enter"
      >
        <Icon name="check" />
        {t.editor.save}
      </button>
      <kbd>Ctrl ⏎</kbd>
      <span class="spring" />
      {changed && <button type="button" class="quiet" onClick={() => session.discard()}>{t.editor.discard}</button>}
    </div>
  );
}
