/** One text: what rules, model and label say of it, and how it is labelled. */

import { useMemo, useRef, useState } from "preact/hooks";
import { usePage, useTask } from "../context";
import { percent, short } from "../format";
import { useSpeech, type Strings } from "../i18n";
import { Places, selected, words } from "../offsets";
import { marksOf, type Mark } from "../spans";
import type { Answer, Row, Task } from "../types";
import { isTyping } from "../ui/controls";
import { Actions } from "./Actions";
import { AnswerView } from "./AnswerView";
import { choose, keysOf, none, rangeOf, step, without, type Cursor } from "./labelling";
import { MarkedText } from "./MarkedText";
import { Written } from "./Written";

interface Props {
  row: Row;
  rule: string;
  active: boolean;
  place: number;
  of: number;
  onActive: () => void;
  onRow: (row: Row) => void;
  onLabelled: () => void;
}

export function TextRow(props: Props) {
  const { row, active } = props;
  const { session } = usePage();
  const { t, language } = useSpeech();
  const task = useTask();
  const text = useRef<HTMLParagraphElement>(null);
  const [cursor, setCursor] = useState<Cursor | null>(null);
  const [mouse, setMouse] = useState<[number, number] | null>(null);
  const [busy, setBusy] = useState(false);
  const steps = useMemo(() => (active ? words(row.text, language) : []), [active, row.text, language]);
  const chosen = active ? (mouse ?? rangeOf(cursor, steps)) : null;
  const chosenText = chosen ? new Places(row.text).slice(chosen[0], chosen[1]) : "";
  const marks: Mark[] = [
    ...marksOf(row, props.rule),
    ...(chosen ? [{ start: chosen[0], end: chosen[1], kind: "chosen" as const, label: null, rule: null }] : []),
  ];

  const give = async (answer: Answer | null | undefined) => {
    if (answer === undefined || busy) return;
    setBusy(true);
    const changed = await session.label(row, answer);
    setBusy(false);
    if (!changed) return;
    props.onRow(changed);
    setCursor(null);
    setMouse(null);
    session.say(answer === null ? t.texts.unlabelled : t.texts.labelled(typeof answer === "string" ? short(answer) : spoken(answer, t.texts.noGoldSpans)));
    if (answer !== null && task.shape === "label" && !task.multi_label) props.onLabelled();
  };
  const rule = () => {
    if (chosenText === "") return;
    if (task.shape === "label" && typeof row.gold === "string") session.create([chosenText], row.gold);
    else session.create([chosenText]);
  };

  const onKey = (event: KeyboardEvent) => {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = keysOf(task).find((item) => item.key === event.key && item.key !== "");
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      setMouse(null);
      const next = step(cursor, steps.length, event.key === "ArrowRight" ? 1 : -1, event.shiftKey);
      setCursor(next);
      const range = rangeOf(next, steps);
      if (range) session.say(new Places(row.text).slice(range[0], range[1]));
    } else if (key) void give(choose(task, row, key.label, chosen));
    else if (event.key === "0") void give(none(task, row));
    else if (event.key === "Backspace" || event.key === "Delete") void give(without(task, row, chosen));
    else if ((event.key === "r" || event.key === "R") && chosenText !== "") rule();
    else if (event.key === "Escape" && chosen) setCursor(null), setMouse(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <article
      class={`row ${active ? "active" : ""}`}
      tabIndex={active ? 0 : -1}
      aria-posinset={props.place}
      aria-setsize={props.of}
      aria-busy={busy}
      aria-labelledby={`text-${props.place}`}
      onFocus={props.onActive}
      onMouseDown={props.onActive}
      onMouseUp={() => text.current && setMouse(selected(text.current, row.text))}
      onKeyDown={onKey}
    >
      <div id={`text-${props.place}`}>
        {row.asked && <p class="asked" dir="auto">{row.asked}</p>}
        <MarkedText text={row.text} marks={marks} root={text} />
      </div>
      <Beliefs row={row} />
      {task.shape === "text" && <Written row={row} active={active} onSave={(answer) => void give(answer)} />}
      {active && (
        <Actions
          row={row}
          chosen={chosenText}
          busy={busy}
          onLabel={(label) => void give(choose(task, row, label, chosen))}
          onNone={() => void give(none(task, row))}
          onTake={() => void give(without(task, row, chosen))}
        />
      )}
    </article>
  );
}

function spoken(answer: Answer, nothing: string): string {
  if (typeof answer === "string") return answer;
  if (answer.length === 0) return nothing;
  return answer.map((item) => (typeof item === "string" ? item : item.label)).filter(Boolean).join(", ");
}

interface Voice {
  who: string[];
  answer: Answer | null;
  sure: string;
  gold: boolean;
}

/** Who says what; where answers are spans, those who say the same are named together. */
function saying(row: Row, task: Task, t: Strings): Voice[] {
  const voices: Voice[] = [];
  const written = task.shape === "text";
  if (!written) voices.push({ who: [t.texts.rules], answer: row.weak?.answer ?? null, sure: row.weak ? percent(row.weak.probability ?? row.weak.score, 0) : "", gold: false });
  if (row.model) voices.push({ who: [t.texts.model], answer: row.model.answer, sure: percent(row.model.score, 0), gold: false });
  if (!written && row.gold !== null) voices.push({ who: [t.texts.label], answer: row.gold, sure: row.hand ? t.texts.byHand : "", gold: true });
  if (task.shape === "label") return voices;
  return voices.reduce<Voice[]>((groups, voice) => {
    const same = groups.find((group) => group.answer !== null && JSON.stringify(group.answer) === JSON.stringify(voice.answer));
    if (!same) return [...groups, { ...voice, who: [[...voice.who, voice.sure].filter(Boolean).join(" ")], sure: "" }];
    same.who.push([...voice.who, voice.sure].filter(Boolean).join(" "));
    same.gold ||= voice.gold;
    return groups;
  }, []);
}

/** What rules, model and label say, beside each other. */
function Beliefs({ row }: { row: Row }) {
  const { t } = useSpeech();
  const task = useTask();
  const written = task.shape === "text";
  return (
    <div class="beliefs">
      {saying(row, task, t).map((voice) => (
        <span key={voice.who.join()} class={`belief ${voice.gold ? "gold-belief" : ""}`} title={voice.gold && !row.hand ? t.texts.fromDataLong : undefined}>
          <span class="who">{voice.who.join(" · ")}</span>
          {voice.answer === null ? <span class="faint">{t.texts.noBelief}</span> : <AnswerView answer={voice.answer} text={row.text} />}
          {voice.sure && <span class="sure">{voice.sure}</span>}
        </span>
      ))}
      {!written && <Fired row={row} />}
    </div>
  );
}

/** Names of the rules that fired; those without words of their own can be seen nowhere else. */
function Fired({ row }: { row: Row }) {
  const { session, model } = usePage();
  const { t } = useSpeech();
  const names = [...new Map(row.firings.map((firing) => [firing.rule, firing])).values()];
  if (names.length === 0) return null;
  return (
    <span class="fired">
      {names.slice(0, 8).map((firing) => (
        <button
          key={firing.rule}
          type="button"
          class="link"
          tabIndex={-1}
          title={`${t.texts.says(firing.rule, firing.says)}${firing.spans.length === 0 ? ` (${t.texts.firedNowhere})` : ""}`}
          onClick={() => {
            session.dispatch({ type: "choose", rule: firing.rule });
            if (model.tab === "texts") session.dispatch({ type: "query", query: { rule: model.query.rule === firing.rule ? "" : firing.rule } });
          }}
        >
          {firing.rule}
        </button>
      ))}
      {names.length > 8 && <span class="faint">+{names.length - 8}</span>}
    </span>
  );
}
