/** Two versions of a rule side by side, and the choice between them. */

import { useLayoutEffect, useRef } from "preact/hooks";
import { usePage } from "../context";
import { sideBySide } from "../conflict";
import { useStrings } from "../i18n";
import type { Entry } from "../types";

export function Conflict({ mine, theirs, isNew }: { mine: string; theirs: Entry | null; isNew: boolean }) {
  const { session } = usePage();
  const t = useStrings();
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => box.current?.querySelector("button")?.focus(), []);
  const pairs = sideBySide(mine, theirs?.written ?? "");
  return (
    <div class="conflict" ref={box} role="alertdialog" aria-label={t.editor.conflictTitle}>
      <h3>{t.editor.conflictTitle}</h3>
      <p>{theirs ? t.editor.conflictText : t.editor.conflictGone}</p>
      <table class="versions">
        <thead><tr><th scope="col">{t.editor.mine}</th><th scope="col">{t.editor.theirs}</th></tr></thead>
        <tbody>
          {pairs.map((pair, index) => (
            <tr key={index} class={pair.same ? "" : "differs"}>
              <td>{pair.mine ?? ""}</td>
              <td>{pair.theirs ?? ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div class="actions">
        <button type="button" onClick={() => session.settle("mine")}>{theirs || isNew ? t.editor.keepMine : t.editor.addMine}</button>
        <button type="button" onClick={() => session.settle("theirs")}>{t.editor.takeTheirs}</button>
      </div>
    </div>
  );
}
