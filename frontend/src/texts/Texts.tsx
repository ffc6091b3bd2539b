/** The middle column: texts, what to label next, suggestions, and what a draft matches. */

import { usePage, useTask } from "../context";
import { count } from "../format";
import { useStrings } from "../i18n";
import type { Tab } from "../store";
import { Tabs, type TabItem } from "../ui/controls";
import { Browser } from "./Browser";
import { Next } from "./Next";
import { RowList } from "./RowList";
import { Conflict } from "../rules/Conflict";
import { TrialView } from "../rules/TrialView";
import { Suggestions } from "./Suggestions";

export function Texts() {
  const { session, model } = usePage();
  const t = useStrings();
  const trial = model.tried?.trial;
  const items: TabItem<Tab>[] = [
    ...(model.editing ? [{ key: "matches" as const, label: t.texts.matches(trial && trial.problems.length === 0 ? count(trial.matched) : "…"), icon: "edit" as const }] : []),
    { key: "texts", label: t.texts.title, icon: "list" },
    { key: "next", label: t.texts.next, icon: "check" },
    { key: "suggestions", label: t.texts.suggestions, icon: "bulb" },
  ];
  return (
    <>
      <div class="column-head">
        <Tabs items={items} chosen={model.tab} onChoose={(tab) => session.dispatch({ type: "tab", tab })} label={t.texts.title} panel="texts-panel" />
      </div>
      <div id="texts-panel" class="panel" role="tabpanel" aria-labelledby={`texts-panel-${model.tab}`}>
        {model.tab === "texts" && <Browser />}
        {model.tab === "next" && <Next />}
        {model.tab === "suggestions" && <Suggestions />}
        {model.tab === "matches" && <Matches />}
      </div>
    </>
  );
}

function Matches() {
  const { session, model } = usePage();
  const t = useStrings();
  const task = useTask();
  const { tried, editing } = model;
  if (editing?.conflict) return <div class="column-scroll"><Conflict mine={editing.written} theirs={editing.conflict.theirs} isNew={editing.position === null} /></div>;
  if (!tried || tried.trial.problems.length > 0) return <TrialView />;
  const { trial, written } = tried;
  const names = new Set(trial.rows.map((row) => row.name));
  const rule = names.size === 1 ? ([...names][0] ?? "") : "";
  return (
    <div class={`column-scroll ${written === editing?.written ? "" : "stale"}`} tabIndex={-1}>
      <TrialView />
      <p class="intro">
        {trial.matches.length === 0 ? t.texts.trialNone : t.texts.trialIntro}{" "}
        {trial.matches.length > 0 && trial.matches.length < trial.matched && <span class="faint">({t.texts.trialFirst(trial.matches.length, count(trial.matched))})</span>}
      </p>
      <RowList
        rows={trial.matches}
        rule={task.shape === "text" ? "" : rule}
        label={t.texts.trialIntro}
        onRow={(row) => session.dispatch({ type: "tried", written, trial: { ...trial, matches: trial.matches.map((other) => (other.id === row.id ? { ...other, gold: row.gold, hand: row.hand, target: row.target } : other)) } })}
      />
    </div>
  );
}
