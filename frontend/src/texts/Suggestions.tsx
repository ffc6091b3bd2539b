/** Rules that are suggested: looked at, tried, accepted or refused. */

import { useEffect, useState } from "preact/hooks";
import { api, Refusal } from "../api";
import { usePage } from "../context";
import { yamlOf } from "../entry";
import { percent } from "../format";
import { useStrings } from "../i18n";
import { Change } from "../rules/TrialView";
import type { Suggestion, Suggestions as Found, Trial } from "../types";
import { Problems } from "../ui/controls";
import { Icon } from "../ui/icons";
import { MarkedText } from "./MarkedText";

export function Suggestions() {
  const { session, model } = usePage();
  const t = useStrings();
  const [found, setFound] = useState<Found | null>(null);
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  const [wrong, setWrong] = useState<Refusal | null>(null);
  const revision = model.state?.revision;
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const ask = () => api.suggestions(model.suggestFor, stop.signal).then(
      (reply) => {
        setFound(reply);
        setWrong(null);
        if (!reply.ready) timer = window.setTimeout(ask, 3000);
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        if (error instanceof Refusal) setWrong(error);
        else session.failed(error);
      },
    );
    void ask();
    return () => (stop.abort(), clearTimeout(timer));
  }, [model.suggestFor, revision]);
  const left = found?.suggestions.filter((suggestion) => !gone.has(suggestion.title)) ?? [];
  const drop = (suggestion: Suggestion) => setGone(new Set([...gone, suggestion.title]));
  return (
    <div class="column-scroll" tabIndex={-1} aria-busy={found === null}>
      <p class="intro">
        {t.texts.suggestIntro}{" "}
        {model.suggestFor !== "" && (
          <button type="button" class="small" onClick={() => session.dispatch({ type: "suggestFor", rule: "" })}>{t.texts.onlyRule(model.suggestFor)}<Icon name="close" /></button>
        )}
      </p>
      {wrong && <Problems problems={wrong.problems} kind="warn" />}
      {found === null && !wrong && <p class="empty">{t.texts.loading}</p>}
      {found?.notes.map((note, index) => <p key={index} class="note calm">{t.server(note)}</p>)}
      {found?.ready && left.length === 0 && found.notes.length === 0 && <p class="empty">{t.texts.noSuggestions}</p>}
      <ul class="suggestions">
        {left.map((suggestion) => <Item key={`${suggestion.number}:${suggestion.title}`} suggestion={suggestion} onGone={() => drop(suggestion)} />)}
      </ul>
    </div>
  );
}

function Item({ suggestion, onGone }: { suggestion: Suggestion; onGone: () => void }) {
  const { session, model } = usePage();
  const t = useStrings();
  const [trial, setTrial] = useState<Trial | null>(null);
  const [busy, setBusy] = useState(false);
  const changes = model.state?.rules.find((entry) => entry.position === suggestion.position);
  const look = () => {
    setBusy(true);
    api.tryEntry(suggestion.entry, suggestion.position, new AbortController().signal).then(setTrial, (error: unknown) => session.failed(error)).finally(() => setBusy(false));
  };
  return (
    <li class="suggestion">
      <h3>{suggestion.title}</h3>
      <p class="why">{changes && <span class="tag">{t.texts.change(changes.name)}</span>} {t.server(suggestion.why)}</p>
      <Figures figures={suggestion.figures} />
      <pre class="code">{yamlOf(suggestion.entry).trimEnd()}</pre>
      {suggestion.examples.slice(0, 3).map((example, index) => (
        <MarkedText key={index} text={example.text} marks={example.spans.map(([start, end]) => ({ start, end, kind: "fires", label: null, rule: null }))} />
      ))}
      {trial && <div class="trial">{trial.problems.length > 0 ? <Problems problems={trial.problems} /> : trial.before && trial.after && <Change before={trial.before} after={trial.after} />}</div>}
      <div class="actions">
        <button type="button" class="primary small" disabled={busy} onClick={() => void session.accept(suggestion).then((ok) => ok && onGone())}><Icon name="check" />{t.texts.accept}</button>
        <button type="button" class="small" disabled={busy} onClick={() => session.editSuggestion(suggestion)}><Icon name="edit" />{t.texts.editFirst}</button>
        <button type="button" class="small" disabled={busy || trial !== null} onClick={look}>{t.texts.effect}</button>
        <button type="button" class="small quiet" disabled={busy} onClick={() => void session.refuse(suggestion).then((ok) => ok && onGone())}><Icon name="cross" />{t.texts.refuse}</button>
      </div>
    </li>
  );
}

/** Whatever numbers come with a suggestion. */
function Figures({ figures }: { figures: Record<string, unknown> }) {
  const t = useStrings();
  const shown = Object.entries(figures).filter((item): item is [string, number | string] => ["number", "string"].includes(typeof item[1]));
  if (shown.length === 0) return null;
  return (
    <dl class="own">
      {shown.map(([name, value]) => (
        <div key={name}><dt>{t.texts.figures[name] ?? name.replaceAll("_", " ")}</dt><dd>{typeof value === "number" && value > 0 && value < 1 ? percent(value) : String(value)}</dd></div>
      ))}
    </dl>
  );
}
