/** An answer of any shape, in few characters. */

import { useTask } from "../context";
import { short } from "../format";
import { useStrings } from "../i18n";
import { Places } from "../offsets";
import { isSpans } from "../spans";
import type { Answer } from "../types";
import { Label } from "../ui/controls";

export function AnswerView({ answer, text }: { answer: Answer; text: string }) {
  const task = useTask();
  const t = useStrings();
  if (typeof answer === "string") return task.shape === "text" ? <q>{short(answer, 120)}</q> : <Label name={answer} />;
  if (answer.length === 0) return <span class="chip plain">{task.shape === "passage" ? t.noAnswer : task.shape === "spans" ? t.texts.noEntity : t.texts.noGoldSpans}</span>;
  if (!isSpans(answer)) return <>{answer.map((label) => <Label key={label} name={label} />)}</>;
  const places = new Places(text);
  return (
    <>
      {answer.slice(0, 6).map((span) => (
        <span class="span-answer" key={`${span.start}:${span.end}:${span.label}`}>
          {task.shape === "spans" && <Label name={span.label} />}
          <q>{short(places.slice(span.start, span.end), 36)}</q>
        </span>
      ))}
      {answer.length > 6 && <span class="faint">+{answer.length - 6}</span>}
    </>
  );
}
