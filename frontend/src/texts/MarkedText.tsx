/** A text with what rules match in it, its entities, gold spans and chosen words. Texts are only ever text nodes. */

import type { Ref } from "preact";
import { useTask } from "../context";
import { useStrings, type Strings } from "../i18n";
import { pieces, type Mark, type Piece } from "../spans";
import type { Task } from "../types";
import { labelStyle } from "../ui/controls";

export function MarkedText({ text, marks, root }: { text: string; marks: readonly Mark[]; root?: Ref<HTMLParagraphElement> }) {
  const task = useTask();
  const t = useStrings();
  return (
    <p class={`text shape-${task.shape}`} dir="auto" ref={root ?? null}>
      {pieces(text, marks).map((piece) => <MarkedPiece key={piece.start} piece={piece} task={task} t={t} />)}
    </p>
  );
}

function MarkedPiece({ piece, task, t }: { piece: Piece; task: Task; t: Strings }) {
  if (piece.marks.length === 0) return <>{piece.text}</>;
  const gold = piece.marks.find((mark) => mark.kind === "gold");
  const fires = piece.marks.filter((mark) => mark.kind === "fires" || mark.kind === "veto");
  const votes = new Set(fires.filter((mark) => mark.kind === "fires").map((mark) => mark.label));
  const entity = piece.marks.find((mark) => mark.kind === "entity");
  const names = new Set(fires.map((mark) => `${mark.rule ?? ""}${mark.label === null ? "" : ` → ${mark.label}`}`));
  const classes = [
    ...new Set(piece.marks.map((mark) => mark.kind)),
    fires[0] ? `f-${labelStyle(task, fires[0].label)}` : "",
    votes.size > 1 ? "mixed" : "",
    gold ? `g-${labelStyle(task, gold.label)}` : "",
    entity ? "e" : "",
  ];
  return (
    <>
      <mark class={classes.filter(Boolean).join(" ")} title={names.size > 0 ? [...names].join("\n") : undefined}>{piece.text}</mark>
      {piece.ends.map((mark, index) => <Tag key={index} mark={mark} task={task} t={t} />)}
    </>
  );
}

/** The name of a span, behind it. */
function Tag({ mark, task, t }: { mark: Mark; task: Task; t: Strings }) {
  if (mark.kind === "gold") {
    const name = task.shape === "passage" ? t.texts.label : (mark.label ?? "");
    return <span data-aside class={`span-tag g-${labelStyle(task, mark.label)}`}>{name}</span>;
  }
  if (mark.kind === "entity") {
    return <span data-aside class={`span-tag entity-tag ${mark.rule ?? ""}`}>{mark.rule === "subject" ? t.texts.subject : t.texts.object} {mark.label}</span>;
  }
  return null;
}
