/** What the words mean, and every shortcut. */

import { useStrings } from "../i18n";
import { Dialog } from "./controls";

export function Help({ onClose }: { onClose: () => void }) {
  const t = useStrings();
  const { keys } = t.help;
  const groups: [string, [string[], string][]][] = [
    [t.help.everywhere, [
      [["?"], keys.help], [["N"], keys.newRule], [["/"], keys.search], [["G", "R"], keys.rules], [["G", "T"], keys.texts],
      [["G", "N"], keys.numbers], [["Ctrl", "Z"], keys.undo], [["Ctrl", "⇧", "Z"], keys.redo],
    ]],
    [t.help.inRules, [
      [["↑", "↓"], keys.choose], [["Space"], keys.showTexts], [["Enter"], keys.edit], [["M"], keys.mute], [["Alt", "↑↓"], keys.move], [["Del"], keys.remove],
    ]],
    [t.help.inEditor, [[["Ctrl", "⏎"], keys.save], [["Esc"], keys.leave]]],
    [t.help.inTexts, [
      [["↑", "↓"], keys.choose], [["1", "–", "9"], keys.label], [["0"], keys.none], [["⌫"], keys.takeAway], [["←", "→"], keys.word],
      [["⇧", "←→"], keys.word], [["R"], keys.makeRule], [["Enter"], keys.editTarget], [["PgUp", "PgDn"], keys.page],
    ]],
  ];
  return (
    <Dialog title={t.help.title} onClose={onClose} wide>
      {t.help.intro.map((paragraph) => <p key={paragraph}>{paragraph}</p>)}
      <div class="help-groups">
        {groups.map(([title, lines]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {lines.map(([combination, what]) => (
                <div key={combination.join() + what}>
                  <dt>{combination.map((key) => (key === "–" ? "–" : <kbd key={key}>{key}</kbd>))}</dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
