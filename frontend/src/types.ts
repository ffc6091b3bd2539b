/** What the server says, as it says it. Offsets are code points, half-open; `offsets.ts` turns them into UTF-16. */

export type Readout = "label" | "pair" | "tokens" | "extract" | "generate";
export type Shape = "label" | "spans" | "passage" | "text";

export interface LabelName {
  name: string;
  description: string;
}

export interface Task {
  kind: string;
  name: string;
  description: string;
  path: string;
  readout: Readout;
  shape: Shape;
  labels: LabelName[];
  multi_label: boolean;
  negative: string | null;
}

export interface Problem {
  message: string;
  file: string | null;
  line: number | null;
  remedy: string | null;
}

export interface TestResult {
  text: string;
  expect: unknown;
  ok: boolean | null;
  got: string;
  line: number;
}

/** One item of the task file's list of rules; some stand for many rules. `hash` is that of its source text. */
export interface Entry {
  position: number;
  hash: string;
  name: string;
  kind: string;
  says: string;
  labels: string[];
  muted: boolean;
  line: number;
  written: string;
  entry: Record<string, unknown>;
  locked: string | null;
  /** It can be muted, moved and deleted, even where it is locked. */
  movable?: boolean;
  rules: string[];
  tests: TestResult[];
}

export interface Training {
  state: "idle" | "running" | "done" | "failed" | "stopped";
  stage: string;
  done: number;
  total: number;
  detail: string;
  message: string;
  log: string[];
}

export interface State {
  revision: string;
  task: Task;
  rules: Entry[];
  problems: Problem[];
  undo: string | null;
  redo: string | null;
  labels_file: string;
  counts: { texts: number; gold: number; hand: number };
  training: Training;
  ready: { texts: boolean; embedded: number };
  report: string | null;
}

export interface Span {
  start: number;
  end: number;
  label: string;
}

export type Answer = string | string[] | Span[];

export interface Firing {
  rule: string;
  says: string;
  label: string | null;
  veto: boolean;
  spans: [number, number][];
}

export interface Demand {
  rule: string;
  says: string;
  kept: boolean | null;
}

export interface Row {
  id: string;
  part: "train" | "unlabeled" | "validation" | "labels";
  text: string;
  cut: boolean;
  /** Characters of a long text before the piece that is shown; all ranges count in the piece. */
  offset?: number;
  asked: string;
  entities: Span[];
  gold: Answer | null;
  hand: boolean;
  weak: { answer: Answer; probability?: number; score?: number } | null;
  model: { answer: Answer; score: number } | null;
  firings: Firing[];
  demands: Demand[];
  target: string | null;
}

export interface Totals {
  coverage: number;
  overlap: number;
  conflict: number;
  right: number | null;
  judged: number;
  interval: [number, number] | null;
  believed: number | null;
}

/** A line of the rule table; `kept` and `demands` where rules demand things of texts, the rest where they vote. */
export interface RuleRow {
  name: string;
  kind: string;
  where: string;
  coverage: number;
  judged: number;
  interval: [number, number] | null;
  faults: number;
  failure: string;
  labels?: string[];
  says?: string;
  overlap?: number;
  conflict?: number;
  correct?: number;
  estimated?: number | null;
  new?: number;
  redundant?: boolean;
  echo?: string | null;
  echo_share?: number;
  demands?: string;
  kept?: number;
  entry?: string;
}

export interface Trial {
  problems: Problem[];
  rows: RuleRow[];
  before: Totals | null;
  after: Totals | null;
  gained: number;
  lost: number;
  turned: number;
  tests: TestResult[];
  matched: number;
  matches: Row[];
  seconds: number;
  /** Some figures are of a sample of the texts. */
  approximate?: boolean;
}

export interface Suggestion {
  number: number;
  title: string;
  why: string;
  entry: Record<string, unknown>;
  position: number | null;
  figures: Record<string, unknown>;
  examples: { text: string; spans: [number, number][] }[];
}

export interface Suggestions {
  ready: boolean;
  notes: string[];
  suggestions: Suggestion[];
}

export interface Estimate {
  pending: boolean;
  alternatives: { name: string; accuracy: number; error: number }[];
  metric: string;
  reason: string;
  use_rules: boolean | null;
  embedded: number;
}

export interface Numbers {
  revision: string;
  table: { rows: RuleRow[]; texts: number; gold: number; coverage: number; overlap: number; conflict: number };
  totals: Totals;
  estimate: Estimate | null;
  curve: { labels: number; value: number; low: number; high: number }[];
  confusion: { labels: string[]; matrix: number[][]; of: string } | null;
  shares: Record<string, number>;
}

export const FILTERS = [
  "all", "uncovered", "conflict", "disagree", "wrong", "covered", "labelled", "unlabelled",
] as const;
export type Filter = (typeof FILTERS)[number];

export interface Query {
  filter: Filter;
  rule: string;
  label: string;
  query: string;
  offset: number;
  limit: number;
}

export interface Page {
  total: number;
  rows: Row[];
}

export interface Next {
  ready: boolean;
  rows: Row[];
  note: string;
}
