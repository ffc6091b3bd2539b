/** The texts that are worth labelling most. */

import { useEffect, useState } from "preact/hooks";
import { api } from "../api";
import { usePage, useTask } from "../context";
import { useStrings } from "../i18n";
import { withRow } from "../store";
import type { Next as Found } from "../types";
import { RowList } from "./RowList";

export function Next() {
  const { session } = usePage();
  const t = useStrings();
  const task = useTask();
  const [found, setFound] = useState<Found | null>(null);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    // Until the model has read the texts there is little to choose from: ask again.
    const ask = () => api.next(10, stop.signal).then(
      (reply) => {
        setFound(reply);
        if (!reply.ready && reply.rows.length === 0) timer = window.setTimeout(ask, 3000);
      },
      (error: unknown) => !stop.signal.aborted && session.failed(error),
    );
    void ask();
    return () => (stop.abort(), clearTimeout(timer));
  }, [asked]);
  const done = found !== null && found.rows.length > 0 && found.rows.every((row) => row.gold !== null);
  return (
    <>
      <div class="column-scroll" tabIndex={-1} aria-busy={found === null}>
        <p class="intro">{task.shape === "text" ? t.texts.nextIntroWritten : t.texts.nextIntro}</p>
        {found && (found.note || !found.ready) && <p class="note calm">{found.note ? t.server(found.note) : t.texts.nextWait}</p>}
        {found === null && <p class="empty">{t.texts.loading}</p>}
        {found && <RowList key={asked} rows={found.rows} rule="" label={t.texts.next} advance onRow={(row) => setFound({ ...found, rows: withRow(found.rows, row) })} />}
      </div>
      <div class="pager">
        <span role="status">{done ? t.texts.done : ""}</span>
        <span class="spring" />
        <button type="button" class={done ? "primary small" : "small"} onClick={() => (setFound(null), setAsked(asked + 1))}>{t.texts.another}</button>
      </div>
    </>
  );
}
