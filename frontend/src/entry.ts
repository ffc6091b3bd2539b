/**
 * A rule as a form. The YAML text of an entry is the only copy of a draft: the form reads it and writes single keys into it, so
 * that comments and keys that the form does not know stay as they are.
 */

import { isMap, isNode, isScalar, isSeq, parseDocument, Scalar, type Document, type YAMLMap, type YAMLSeq } from "yaml";
import type { Task } from "./types";

export type Widget = "terms" | "regex" | "line" | "flag" | "number" | "choice" | "things";

/** One input of a form. `path` leads to its value in the entry; a value that equals `initial` is not written. */
export interface Field {
  path: readonly [string, ...string[]];
  widget: Widget;
  initial?: boolean | number | string;
  choices?: readonly string[];
  /** The value is a list even where it has one item. */
  list?: boolean;
}

const IGNORE_CASE: Field = { path: ["ignore_case"], widget: "flag", initial: false };
const ANY_CASE: Field = { path: ["ignore_case"], widget: "flag", initial: true };
const WHOLE_WORDS: Field = { path: ["whole_words"], widget: "flag", initial: true };
const INFLECT: Field = { path: ["inflect"], widget: "flag", initial: false };
const AT_LEAST: Field = { path: ["at_least"], widget: "number" };
const AT_MOST: Field = { path: ["at_most"], widget: "number" };
const SCOPE: Field = { path: ["scope"], widget: "choice", choices: ["", "before", "between", "after"], initial: "" };

/** Kinds of rule that have a form; the first field is the one that names the kind. Others are written as YAML. */
const FORMS: Record<string, readonly Field[]> = {
  keywords: [{ path: ["keywords"], widget: "terms", list: true }, ANY_CASE, WHOLE_WORDS, INFLECT],
  regex: [{ path: ["regex"], widget: "regex" }, IGNORE_CASE],
  gazetteer: [{ path: ["gazetteer"], widget: "line" }, ANY_CASE, WHOLE_WORDS],
  shape: [{ path: ["shape"], widget: "terms" }],
  trigger: [
    { path: ["trigger"], widget: "terms", list: true },
    { path: ["right"], widget: "number" },
    { path: ["left"], widget: "number" },
    { path: ["entity", "shape"], widget: "line" },
  ],
  field: [
    { path: ["field"], widget: "line" },
    { path: ["equals"], widget: "terms" },
    { path: ["matches"], widget: "regex" },
    AT_LEAST,
    AT_MOST,
    IGNORE_CASE,
  ],
  length: [{ path: ["length"], widget: "choice", choices: ["words", "characters", "lines"] }, AT_LEAST, AT_MOST],
  casing: [{ path: ["casing"], widget: "choice", choices: ["upper", "lower", "title"] }, AT_LEAST, AT_MOST],
  similarity: [{ path: ["similarity"], widget: "number" }],
  pattern: [{ path: ["pattern"], widget: "terms" }, ANY_CASE],
  types: [{ path: ["types", "subject"], widget: "terms" }, { path: ["types", "object"], widget: "terms" }],
  order: [{ path: ["order"], widget: "choice", choices: ["subject first", "object first"] }],
  question: [
    { path: ["question"], widget: "regex" },
    {
      path: ["type"],
      widget: "choice",
      initial: "",
      choices: ["", "person", "name", "place", "date", "year", "duration", "number", "money", "percent", "measure", "quoted"],
    },
    { path: ["pattern"], widget: "regex" },
    { path: ["near"], widget: "number" },
  ],
  sentence: [{ path: ["sentence"], widget: "choice", choices: ["words", "meaning"] }, { path: ["top"], widget: "number" }, AT_LEAST],
  always: [{ path: ["always"], widget: "flag" }],
  glossary: [{ path: ["glossary"], widget: "line" }, { path: ["inflections"], widget: "flag", initial: false }, INFLECT],
  copy: [
    { path: ["copy"], widget: "things" },
    { path: ["pattern"], widget: "regex" },
    { path: ["most"], widget: "number" },
    { path: ["ignore"], widget: "terms", list: true },
  ],
  invented: [{ path: ["invented"], widget: "things" }, { path: ["ignore"], widget: "terms", list: true }],
  slots: [{ path: ["slots"], widget: "terms" }, { path: ["ignore"], widget: "terms", list: true }],
  answer: [{ path: ["answer"], widget: "regex" }, { path: ["wanted"], widget: "flag", initial: true }],
  answer_length: [
    { path: ["answer_length"], widget: "choice", choices: ["words", "sentences", "characters"] },
    AT_LEAST,
    AT_MOST,
  ],
};

const KINDS = {
  label: ["keywords", "regex", "gazetteer", "trigger", "shape", "length", "casing", "field", "similarity"],
  pair: ["pattern", "keywords", "regex", "types", "order", "length", "gazetteer", "field", "similarity"],
  spans: ["keywords", "regex", "shape", "trigger", "gazetteer", "field", "length"],
  passage: ["question", "sentence", "keywords", "regex", "shape", "trigger", "gazetteer", "field"],
  text: ["keywords", "regex", "always", "glossary", "copy", "invented", "answer", "answer_length", "slots", "field", "length"],
} as const;

/** Things that a text can copy or invent. */
export const THINGS = ["numbers", "names", "urls", "emails", "code", "pattern"] as const;

const SCOPED = new Set(["keywords", "regex", "gazetteer", "length"]);
const DEMANDING = new Set(["glossary", "copy", "invented", "slots", "answer", "answer_length"]);
/** Kinds that need a consequence, and those whose key is a condition as well as a value elsewhere, asked in this order. */
const ORDER = [
  "question", "sentence", "glossary", "copy", "invented", "slots", "answer", "answer_length", "always", "field", "trigger",
  "shape", "types", "order", "length", "casing", "similarity", "gazetteer", "regex", "keywords", "pattern",
];

export type Says = "vote" | "veto" | "link" | "prompt" | "require" | "reply" | "nothing";

const pair = (task: Task) => task.kind === "relation" || task.readout === "pair";

/** Kinds of rule that a form offers for a task. */
export function kindsOf(task: Task): readonly string[] {
  return pair(task) ? KINDS.pair : KINDS[task.shape];
}

/** What a rule of a kind can say. */
export function sayingsOf(task: Task, kind: string): readonly Says[] {
  if (DEMANDING.has(kind)) return [];
  switch (task.shape) {
    case "label": return ["vote", "veto", "nothing"];
    case "spans": return ["vote", "veto", "link", "nothing"];
    case "passage": return ["vote", "veto", "nothing"];
    case "text": return ["require", "veto", "reply", "nothing"];
  }
}

export function fieldsOf(task: Task, kind: string): readonly Field[] {
  const fields = FORMS[kind] ?? [];
  return pair(task) && SCOPED.has(kind) ? [...fields, SCOPE] : fields;
}

export type Fields = Record<string, unknown>;

/** The kind of an entry, where it has a form; null for those that are written as YAML. */
export function kindOf(entry: Fields): string | null {
  return ORDER.find((kind) => kind in entry && (kind !== "pattern" || !("copy" in entry))) ?? null;
}

export function saysOf(entry: Fields): Says {
  return (["vote", "veto", "link", "prompt", "require", "reply"] as const).find((key) => key in entry) ?? "nothing";
}

export function valueAt(entry: Fields, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (typeof value === "object" && value !== null ? (value as Fields)[key] : undefined), entry);
}

/** Items of a value that is a list, one item, or nothing. */
export function itemsOf(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? value : [value]).map((item) => (typeof item === "object" ? JSON.stringify(item) : String(item)));
}

/** Whether a form can show the value of a field without losing anything of it. */
export function shown(field: Field, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  const plain = (item: unknown) => typeof item !== "object";
  if (field.widget === "terms" || field.widget === "things") return plain(value) || (Array.isArray(value) && value.every(plain));
  return plain(value);
}

/** An entry that YAML text says, or why it says none. */
export function parse(written: string): { entry: Fields; error: null } | { entry: null; error: string } {
  try {
    const document = parseDocument(written, { version: "1.2", prettyErrors: false });
    const [error] = document.errors;
    if (error) return { entry: null, error: error.message };
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (value === null) return { entry: {}, error: null };
    if (typeof value !== "object" || Array.isArray(value)) return { entry: null, error: "mapping" };
    return { entry: value as Fields, error: null };
  } catch (error) {
    return { entry: null, error: error instanceof Error ? error.message : String(error) };
  }
}

const EXPRESSIONS = new Set(["regex", "question", "pattern", "matches", "answer"]);

/** The text with one value set, or taken away where it is undefined; everything else as it was. */
export function write(written: string, path: readonly [string, ...string[]], value: unknown): string {
  const document = parseDocument(written, { version: "1.2" });
  if (document.errors.length > 0) return written;
  if (!isMap(document.contents)) document.contents = document.createNode({}) as unknown as typeof document.contents;
  const before = document.getIn(path, true);
  if (value === undefined) remove(document, path);
  else if (isSeq(before) && Array.isArray(value)) replaceItems(document, before, value);
  else document.setIn(path, commented(node(document, path, value), before));
  return document.toString({ lineWidth: 0, singleQuote: true, flowCollectionPadding: false });
}

function remove(document: Document, path: readonly [string, ...string[]]): void {
  if (!document.hasIn(path)) return;
  document.deleteIn(path);
  const above = path.slice(0, -1);
  const parent = above.length > 0 ? document.getIn(above) : null;
  if (isMap(parent) && parent.items.length === 0) document.deleteIn(above);
}

/** A list with other items; those that it had already keep their comments. */
function replaceItems(document: Document, list: YAMLSeq, values: readonly unknown[]): void {
  const old = [...list.items];
  list.items = values.map((value) => {
    const place = old.findIndex((item) => isScalar(item) && String(item.value) === String(value));
    return place < 0 ? document.createNode(value) : old.splice(place, 1)[0];
  });
  if (list.flow && !inFlow(document) && !fits(values)) list.flow = false;
}

const inFlow = (document: Document): boolean => (document.contents as YAMLMap | null)?.flow === true;
const fits = (value: unknown): boolean => JSON.stringify(value).length <= 110;

/** A value with the comments of the one that it replaces. */
function commented(made: unknown, before: unknown): unknown {
  if (!isNode(before)) return made;
  const value = isNode(made) ? made : new Scalar(made);
  value.comment = before.comment ?? null;
  value.commentBefore = before.commentBefore ?? null;
  return value;
}

function node(document: Document, path: readonly string[], value: unknown): unknown {
  if (typeof value === "string" && EXPRESSIONS.has(path.at(-1) ?? "") && !value.includes("\n")) {
    const scalar = new Scalar(value);
    scalar.type = "QUOTE_SINGLE";
    return scalar;
  }
  const made = document.createNode(value);
  if (isSeq(made) && made.items.every(isScalar)) made.flow = inFlow(document) || fits(value);
  return made;
}

/** The text with another kind: keys of the old kind's form go, what the rule says and its name stay. */
export function withKind(written: string, task: Task, from: string | null, to: string): string {
  const entry = parse(written).entry ?? {};
  let text = written;
  for (const field of from === null ? [] : fieldsOf(task, from)) text = write(text, field.path, undefined);
  if (from !== null) text = write(text, [from], undefined);
  if (sayingsOf(task, to).length === 0) text = withSays(text, task, "nothing");
  else if (saysOf(entry) === "nothing") text = withSays(text, task, sayingsOf(task, to)[0] ?? "nothing");
  const [first] = fieldsOf(task, to);
  return first ? write(text, first.path, initial(to, first, from === null ? undefined : valueAt(entry, [from]))) : text;
}

function initial(kind: string, field: Field, before: unknown): unknown {
  switch (field.widget) {
    case "terms": return kind === "slots" ? "all" : itemsOf(before).filter((item) => !item.startsWith("{"));
    case "regex": return alternatives(itemsOf(before));
    case "choice": return field.choices?.[0] ?? "";
    case "things": return "numbers";
    case "flag": return true;
    case "number": return 0.4;
    case "line": return "";
  }
}

/** Words as one regular expression that means the same. */
export function alternatives(terms: readonly string[]): string {
  const escaped = terms.map((term) => term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (escaped.length === 0) return "";
  return escaped.length === 1 ? `\\b${escaped[0]}\\b` : `\\b(${escaped.join("|")})\\b`;
}

/** The text with another consequence. */
export function withSays(written: string, task: Task, says: Says, value?: unknown): string {
  const entry = parse(written).entry ?? {};
  const before = valueAt(entry, [saysOf(entry)]);
  let text = written;
  for (const key of ["vote", "veto", "link", "prompt", "require", "reply"] as const) {
    if (key !== says) text = write(text, [key], undefined);
  }
  if (says === "nothing") return text;
  return write(text, [says], value ?? kept(task, says, before));
}

function kept(task: Task, says: Says, before: unknown): unknown {
  const labels = task.shape === "passage" ? ["answer"] : task.labels.map((label) => label.name);
  if (says === "link") return "together";
  if (task.shape === "text" || says === "prompt") return itemsOf(before);
  const [first] = itemsOf(before);
  return first !== undefined && labels.includes(first) ? first : (labels[0] ?? "");
}

/** A new rule: words, and the first label. */
export function fresh(task: Task, terms: readonly string[] = [], label?: string): string {
  const kind = kindsOf(task)[0] ?? "keywords";
  const chosen = terms.length > 0 ? "keywords" : kind;
  const start = terms.length > 0 ? write("", ["name"], terms[0] ?? "") : "";
  const text = withKind(start, task, null, chosen);
  const filled = terms.length > 0 ? write(text, ["keywords"], [...terms]) : text;
  return label === undefined || task.shape === "text" ? filled : withSays(filled, task, "vote", label);
}

/** A mapping as YAML, for entries that come as values (suggestions). */
export function yamlOf(entry: Fields): string {
  return Object.entries(entry).reduce((text, [key, value]) => write(text, [key], value), "");
}
