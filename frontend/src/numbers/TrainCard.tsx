/** Training: begin, watch, stop, and read the report. */

import { usePage, useTask } from "../context";
import { count, percent } from "../format";
import { useStrings } from "../i18n";
import { Icon } from "../ui/icons";

export function TrainCard() {
  const { session, model } = usePage();
  const t = useStrings();
  const task = useTask();
  const state = model.state;
  if (!state) return null;
  const { training, ready } = state;
  const running = training.state === "running";
  const broken = state.problems.length > 0;
  return (
    <section class="train" aria-label={t.numbers.training}>
      <div class="train-line">
        {running
          ? <button type="button" onClick={() => void session.stopTraining()}><Icon name="stop" />{t.numbers.stop}</button>
          : <button type="button" class="primary" disabled={broken || !ready.texts} title={t.numbers.trainHint} onClick={() => void session.train()}><Icon name="play" />{t.numbers.train}</button>}
        <span class={`train-state ${training.state === "failed" ? "bad" : ""}`} role="status">{t.numbers.state[training.state]}</span>
        {state.report && <a class="button small" href={state.report} target="_blank" rel="noopener noreferrer"><Icon name="out" />{t.numbers.report}</a>}
      </div>
      {running && (
        <>
          <progress max={Math.max(1, training.total)} value={training.done} aria-label={training.stage ? t.server(training.stage) : t.numbers.training} />
          <p class="faint train-detail">
            <span>{t.server(training.stage)}</span>
            <span>{training.total > 0 && t.numbers.of(count(training.done), count(training.total))} {t.server(training.detail)}</span>
          </p>
        </>
      )}
      {training.message && !running && <p class={training.state === "failed" ? "note bad" : "note calm"}>{t.server(training.message)}</p>}
      {training.log.length > 0 && (
        <details class="log">
          <summary>{t.numbers.log}</summary>
          <pre tabIndex={0} aria-label={t.numbers.log}>{training.log.slice(-200).join("\n")}</pre>
        </details>
      )}
      {task.shape !== "text" && <p class="embedded faint">
        {ready.embedded < 1 && <progress max={1} value={ready.embedded} aria-label={t.numbers.embedded(percent(ready.embedded, 0))} />}
        {ready.embedded >= 1 ? t.numbers.embeddedAll : t.numbers.embedded(percent(ready.embedded, 0))}
      </p>}
    </section>
  );
}
