/** What the page knows, and how it changes: a pure reducer. Nothing here speaks to the server or the browser. */

import type { Entry, Numbers, Problem, Query, Row, State, Training, Trial } from "./types";

export type Tab = "texts" | "next" | "suggestions" | "matches";

/** A draft that is open in the editor. */
export interface Editing {
  /** Place and hash of the entry that it replaces; null and a key of its own for a new rule. */
  position: number | null;
  hash: string;
  /** The entry's text when it was opened. */
  base: string;
  written: string;
  view: "form" | "yaml";
  restored: boolean;
  /** Somebody else's version, once saving was refused because of it. */
  conflict: { theirs: Entry | null } | null;
  /** Problems with which the server refused to save. */
  refused: Problem[];
  saving: boolean;
}

export interface Tried {
  /** The draft that the figures are about. */
  written: string;
  trial: Trial;
}

export interface Toast {
  key: number;
  text: string;
  bad: boolean;
  undo: boolean;
}

export type Notice = "outside" | "tab" | "back";

export interface Model {
  state: State | null;
  numbers: Numbers | null;
  online: boolean;
  notice: Notice | null;
  chosen: string;
  tab: Tab;
  query: Query;
  editing: Editing | null;
  tried: Tried | null;
  trying: boolean;
  toasts: Toast[];
  suggestFor: string;
  /** Counts changes that the list of texts must be read again for. */
  version: number;
}

export const START: Model = {
  state: null,
  numbers: null,
  online: true,
  notice: null,
  chosen: "",
  tab: "texts",
  query: { filter: "all", rule: "", label: "", query: "", offset: 0, limit: 50 },
  editing: null,
  tried: null,
  trying: false,
  toasts: [],
  suggestFor: "",
  version: 0,
};

export type Action =
  | { type: "state"; state: State; notice?: Notice; quiet?: boolean }
  | { type: "numbers"; numbers: Numbers }
  | { type: "training"; training: Training }
  | { type: "ready"; embedded: number }
  | { type: "online"; online: boolean }
  | { type: "dismiss" }
  | { type: "choose"; rule: string }
  | { type: "tab"; tab: Tab }
  | { type: "query"; query: Partial<Query> }
  | { type: "suggestFor"; rule: string }
  | { type: "open"; position: number | null; hash: string; base: string; written: string; view: "form" | "yaml"; restored: boolean }
  | { type: "write"; written: string }
  | { type: "view"; view: "form" | "yaml" }
  | { type: "close" }
  | { type: "saving" }
  | { type: "notSaved"; problems: Problem[] }
  | { type: "conflict"; theirs: Entry | null }
  | { type: "mine" }
  | { type: "theirs" }
  | { type: "trying" }
  | { type: "tried"; written: string; trial: Trial }
  | { type: "untried" }
  | { type: "toast"; toast: Toast }
  | { type: "untoast"; key: number };

export function reduce(model: Model, action: Action): Model {
  switch (action.type) {
    case "state": return withState(model, action.state, action.notice ?? null, action.quiet ?? false);
    case "numbers": return { ...model, numbers: action.numbers, version: model.version + 1 };
    case "training": return inState(model, (state) => ({ ...state, training: action.training }));
    case "ready":
      return inState(model, (state) => ({ ...state, ready: { texts: true, embedded: action.embedded } }));
    case "online":
      return action.online === model.online ? model : { ...model, online: action.online, notice: action.online ? "back" : model.notice };
    case "dismiss": return { ...model, notice: null };
    case "choose": return { ...model, chosen: action.rule };
    case "tab": return { ...model, tab: action.tab };
    case "query": return { ...model, query: { ...model.query, offset: 0, ...action.query } };
    case "suggestFor": return { ...model, suggestFor: action.rule, tab: "suggestions" };
    case "open": return { ...model, editing: opened(action), tried: null, trying: false, tab: "matches" };
    case "close": return { ...model, editing: null, tried: null, trying: false, tab: model.tab === "matches" ? "texts" : model.tab };
    case "conflict": return { ...model, tab: "matches", editing: edited(model.editing, action) };
    case "toast": return { ...model, toasts: [...model.toasts.slice(-2), action.toast] };
    case "untoast": return { ...model, toasts: model.toasts.filter((toast) => toast.key !== action.key) };
    case "trying": return { ...model, trying: true };
    case "untried": return { ...model, trying: false, tried: null };
    case "tried":
      // An answer about an older draft says nothing about this one.
      return model.editing?.written === action.written
        ? { ...model, trying: false, tried: { written: action.written, trial: action.trial } }
        : model;
    default: return { ...model, editing: edited(model.editing, action) };
  }
}

type EditAction = Extract<Action, { type: "write" | "view" | "saving" | "notSaved" | "conflict" | "mine" | "theirs" }>;

function edited(editing: Editing | null, action: EditAction): Editing | null {
  if (editing === null) return null;
  switch (action.type) {
    case "write": return { ...editing, written: action.written, refused: [] };
    case "view": return { ...editing, view: action.view };
    case "saving": return { ...editing, saving: true, refused: [] };
    case "notSaved": return { ...editing, saving: false, refused: action.problems };
    case "conflict": return { ...editing, saving: false, conflict: { theirs: action.theirs } };
    case "mine": return { ...editing, conflict: null, ...placeOf(editing.conflict?.theirs ?? null) };
    case "theirs": {
      const theirs = editing.conflict?.theirs ?? null;
      return { ...editing, conflict: null, ...placeOf(theirs), written: theirs?.written ?? editing.written, restored: false };
    }
  }
}

const placeOf = (entry: Entry | null) => ({
  position: entry?.position ?? null, hash: entry?.hash ?? "new:", base: entry?.written ?? "",
});

function opened(action: Extract<Action, { type: "open" }>): Editing {
  const { type: _, ...fields } = action;
  return { ...fields, conflict: null, refused: [], saving: false };
}

function inState(model: Model, change: (state: State) => State): Model {
  return model.state === null ? model : { ...model, state: change(model.state) };
}

function withState(model: Model, state: State, notice: Notice | null, quiet: boolean): Model {
  const names = new Set(state.rules.flatMap((entry) => [entry.name, ...entry.rules]));
  const gone = model.query.rule !== "" && !names.has(model.query.rule);
  return {
    ...model,
    state,
    online: true,
    // Of a broken file the last good version is shown, and a banner of its own says so.
    notice: state.problems.length > 0 ? null : (notice ?? model.notice),
    chosen: names.has(model.chosen) ? model.chosen : "",
    query: gone ? { ...model.query, rule: "", offset: 0 } : model.query,
    editing: model.editing && followed(model.editing, state.rules),
    version: quiet || state.revision === model.state?.revision ? model.version : model.version + 1,
  };
}

/** The draft at the place where its entry stands now; an entry that is gone is left to the server to refuse. */
function followed(editing: Editing, rules: readonly Entry[]): Editing {
  if (editing.position === null) return editing;
  const places = rules.filter((entry) => entry.hash === editing.hash).map((entry) => entry.position);
  if (places.length === 0 || places.includes(editing.position)) return editing;
  const near = (place: number) => Math.abs(place - (editing.position ?? 0));
  return { ...editing, position: places.reduce((best, place) => (near(place) < near(best) ? place : best)) };
}

/** Whether the draft's entry has been changed or deleted since it was opened. */
export function isStale(editing: Editing, rules: readonly Entry[]): boolean {
  return editing.position !== null && !rules.some((entry) => entry.hash === editing.hash);
}

/** Whether there is something to save. */
export function isChanged(editing: Editing): boolean {
  return editing.written.trim() !== editing.base.trim();
}

/** Rows with one replaced by its newer version. */
export function withRow(rows: readonly Row[], row: Row): Row[] {
  return rows.map((other) => (other.id === row.id ? row : other));
}
