/** All texts: filtered, searched, a page at a time. */

import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api";
import { usePage, useTask } from "../context";
import { count } from "../format";
import { useStrings } from "../i18n";
import { withRow } from "../store";
import { FILTERS, type Filter, type Page } from "../types";
import { IconButton, Problems } from "../ui/controls";
import { Icon } from "../ui/icons";
import { Refusal } from "../api";
import type { Problem } from "../types";
import { RowList } from "./RowList";

const NOT_WRITTEN: readonly Filter[] = ["all", "covered", "uncovered", "wrong", "labelled", "unlabelled"];

export function Browser() {
  const { session, model } = usePage();
  const t = useStrings();
  const { query } = model;
  const [page, setPage] = useState<Page | null>(null);
  const [problems, setProblems] = useState<Problem[]>([]);
  const [loading, setLoading] = useState(false);
  const scroll = useRef<HTMLDivElement>(null);
  const key = JSON.stringify(query);

  useEffect(() => {
    const stop = new AbortController();
    setLoading(true);
    api.texts(query, stop.signal).then(
      (found) => {
        setPage(found);
        setProblems([]);
        setLoading(false);
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        setLoading(false);
        if (error instanceof Refusal) setProblems(error.problems);
        else session.failed(error);
      },
    );
    return () => stop.abort();
  }, [key, model.version]);
  useEffect(() => scroll.current?.scrollTo({ top: 0 }), [key]);

  const turn = (by: 1 | -1) => {
    const offset = query.offset + by * query.limit;
    if (page && offset >= 0 && offset < page.total) session.dispatch({ type: "query", query: { offset } });
  };
  return (
    <>
      <Filters />
      <div class="column-scroll" ref={scroll} tabIndex={-1} aria-busy={loading}>
        {problems.length > 0 && <Problems problems={problems} />}
        {page === null && problems.length === 0 && <p class="empty">{t.texts.loading}</p>}
        {page?.total === 0 && <p class="empty">{query.query ? t.texts.noneSearch : t.texts.none}</p>}
        {page && page.rows.length > 0 && (
          <RowList key={key} rows={page.rows} rule={query.rule} label={t.texts.title} offset={query.offset} total={page.total} onRow={(row) => setPage({ ...page, rows: withRow(page.rows, row) })} onPage={turn} />
        )}
      </div>
      <Pager page={page} onTurn={turn} />
    </>
  );
}

function Pager({ page, onTurn }: { page: Page | null; onTurn: (by: 1 | -1) => void }) {
  const { model } = usePage();
  const t = useStrings();
  const { offset, limit } = model.query;
  const total = page?.total ?? 0;
  return (
    <div class="pager">
      <span role="status">{total > 0 ? t.texts.range(count(offset + 1), count(Math.min(total, offset + (page?.rows.length ?? limit))), count(total)) : ""}</span>
      <span class="spring" />
      <IconButton icon="left" label={t.texts.previous} disabled={offset === 0} onClick={() => onTurn(-1)} />
      <IconButton icon="right" label={t.texts.following} disabled={offset + limit >= total} onClick={() => onTurn(1)} />
    </div>
  );
}

function Filters() {
  const { session, model } = usePage();
  const t = useStrings();
  const task = useTask();
  const { query } = model;
  const filters = FILTERS.filter((filter) => task.shape !== "text" || NOT_WRITTEN.includes(filter));
  return (
    <div class="filters">
      <div class="segments" role="radiogroup" aria-label={t.texts.filter}>
        {filters.map((filter) => (
          <label key={filter} class={`segment ${query.filter === filter ? "on" : ""}`} title={t.texts.filterHints[filter]}>
            <input type="radio" name="filter" value={filter} checked={query.filter === filter} onChange={() => session.dispatch({ type: "query", query: { filter } })} />
            {t.texts.filters[filter]}
          </label>
        ))}
      </div>
      <div class="filter-line">
        <Search />
        {task.shape === "label" && (
          <select aria-label={t.texts.byLabel} value={query.label} onChange={(event) => session.dispatch({ type: "query", query: { label: event.currentTarget.value } })}>
            <option value="">{t.texts.anyLabel}</option>
            {task.labels.map((label) => <option key={label.name} value={label.name}>{label.name}</option>)}
          </select>
        )}
        <select aria-label={t.texts.byRule} value={query.rule} onChange={(event) => session.dispatch({ type: "query", query: { rule: event.currentTarget.value } })}>
          <option value="">{t.texts.anyRule}</option>
          {(model.state?.rules ?? []).flatMap((entry) => (entry.rules.length > 0 ? entry.rules : [entry.name])).slice(0, 500).map((name) => <option key={name} value={name}>{name}</option>)}
        </select>
      </div>
    </div>
  );
}

function Search() {
  const { session, model } = usePage();
  const t = useStrings();
  const [typed, setTyped] = useState(model.query.query);
  const timer = useRef(0);
  useEffect(() => setTyped(model.query.query), [model.query.query]);
  const type = (text: string) => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => session.dispatch({ type: "query", query: { query: text } }), 200);
  };
  return (
    <div class="search">
      <Icon name="search" />
      <input id="search" type="search" aria-label={t.texts.search} placeholder={t.texts.searchPlaceholder} spellcheck={false} autocomplete="off" value={typed} onInput={(event) => type(event.currentTarget.value)} />
      {typed !== "" && <IconButton icon="close" label={t.texts.clearSearch} onClick={() => type("")} />}
    </div>
  );
}
