// Rough stand-ins for what the real server computes: good enough to see every part of the page move.
import { parseDocument } from "yaml";
import { createHash } from "node:crypto";

export const hash = (text) => createHash("sha256").update(text).digest("hex").slice(0, 16);

const SAYS = ["vote", "veto", "link", "require", "reply"];
const KINDS = ["question", "sentence", "glossary", "copy", "invented", "slots", "answer", "answer_length", "always", "arguments", "types", "order", "field", "trigger", "shape", "length", "casing", "similarity", "function", "all", "any", "not", "gazetteer", "regex", "keywords", "pattern"];

export function parse(written) {
  const document = parseDocument(written);
  if (document.errors.length > 0) throw problem(document.errors[0].message, 1);
  const entry = document.toJS();
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) throw problem("a rule is a mapping", 1);
  return entry;
}

export const problem = (message, line = null, remedy = null) => Object.assign(new Error(message), { problems: [{ message, file: "task.yaml", line, remedy }] });

const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value.map(String) : [String(value)]);
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

export function kindOf(entry) {
  return KINDS.find((kind) => kind in entry && (kind !== "pattern" || !("question" in entry))) ?? "?";
}

/** What is wrong with an entry, as messages. */
export function problems(entry, task) {
  const found = [];
  const known = new Set(task.labels.map((label) => label.name).concat(task.shape === "passage" ? ["answer"] : []));
  const kind = kindOf(entry);
  if (kind === "?") found.push({ message: "a rule needs a kind: keywords, regex, …", file: "task.yaml", line: null, remedy: null });
  if (kind === "keywords" && list(entry.keywords).length === 0) found.push({ message: "keywords: give at least one term", file: "task.yaml", line: null, remedy: null });
  if (entry.regex === "") found.push({ message: "regex: the expression is empty", file: "task.yaml", line: null, remedy: null });
  for (const key of ["regex", "question", "pattern", "answer"]) {
    if (typeof entry[key] !== "string" || kind === "pattern") continue;
    try {
      new RegExp(python(entry[key]), "u");
    } catch (error) {
      found.push({ message: `${key}: ${error.message}`, file: "task.yaml", line: null, remedy: "a backslash takes the meaning from a special character" });
    }
  }
  if (task.shape !== "text") {
    for (const key of ["vote", "veto"]) {
      for (const label of list(entry[key])) if (!known.has(label)) found.push({ message: `unknown label '${label}'; did you mean '${[...known][0]}'?`, file: "task.yaml", line: null, remedy: null });
    }
  }
  return found;
}

const python = (text) => text.replace(/\(\?P</g, "(?<").replace(/\(\?i\)/g, "");

function expressions(entry) {
  const kind = kindOf(entry);
  const flags = `gu${entry.ignore_case ?? kind === "keywords" ? "i" : ""}`;
  const edge = (term) => `${/^\w/.test(term) ? "\\b" : ""}${escape(term)}${/\w$/.test(term) ? "\\b" : ""}`;
  switch (kind) {
    case "keywords": return list(entry.keywords).length ? [new RegExp(list(entry.keywords).sort((a, b) => b.length - a.length).map(edge).join("|"), flags)] : [];
    case "regex": return [new RegExp(python(entry.regex), flags)];
    case "shape": return list(entry.shape).map((shape) => new RegExp(`\\b${shape.replace(/Xx\+/g, "\\p{Lu}\\p{Ll}+").replace(/X\+/g, "\\p{Lu}+")}\\b`, "gu"));
    case "trigger": return list(entry.trigger).map((term) => new RegExp(`(?<=\\b${escape(term)} )\\p{Lu}\\p{L}+`, "gu"));
    case "pattern": return [];
    default: return [];
  }
}

const points = (text, unit) => [...text.slice(0, unit)].length;

/** Where an entry fires in a row: ranges of code points, or null where it does not. */
export function match(entry, row) {
  const kind = kindOf(entry);
  const spans = [];
  const add = (expression, text = row.text) => {
    for (const found of text.matchAll(expression)) {
      if (found[0] === "") continue;
      const group = found.groups?.answer ?? found.groups?.entity;
      const start = found.index + (group ? found[0].indexOf(group) : 0);
      spans.push([points(text, start), points(text, start + (group ?? found[0]).length)]);
    }
  };
  for (const term of list(entry.unless?.keywords)) if (row.text.toLowerCase().includes(term.toLowerCase())) return null;
  switch (kind) {
    case "question": {
      if (!new RegExp(python(entry.question), "iu").test(row.asked ?? "")) return null;
      const types = { person: /\b\p{Lu}\p{L}+ [\p{Lu}\p{L}']+/gu, year: /\b(?:19|20)\d\d\b/gu, number: /\b[\d,]+\b/gu };
      add(entry.pattern ? new RegExp(python(entry.pattern), "gu") : (types[entry.type] ?? /$^/gu));
      break;
    }
    case "sentence": add(/^[^.]+\./gu); break;
    case "pattern":
      for (const pattern of list(entry.pattern)) {
        const middle = pattern.replace(/SUBJ\S*|OBJ\S*/g, "").replace(/[,*.]/g, "").trim().split(/\s+/).filter(Boolean).join(" ");
        if (middle) add(new RegExp(`\\b${escape(middle)}\\b`, "gu"));
      }
      break;
    case "arguments": case "types": case "function": case "glossary": return row.id.charCodeAt(row.id.length - 1) % 5 === 0 ? [] : null;
    case "copy": case "invented": return /\d/.test(row.text) ? [...row.text.matchAll(/\d+/g)].map((found) => [points(row.text, found.index), points(row.text, found.index + found[0].length)]) : null;
    case "always": case "answer": case "answer_length": return [];
    case "length": {
      const size = entry.length === "characters" ? row.text.length : row.text.split(/\s+/).length;
      return size >= (entry.at_least ?? 0) && size <= (entry.at_most ?? 1e9) ? [] : null;
    }
    default: for (const expression of expressions(entry)) add(expression);
  }
  return spans.length > 0 ? spans : null;
}

/** Whether an answer keeps a demand. */
function kept(entry, row) {
  const answer = row.target ?? (typeof row.hand === "string" ? row.hand : null);
  if (answer === null || answer === undefined) return null;
  const has = (phrase) => new RegExp(`(?<![\\p{L}])${escape(phrase).replace("\\*", "\\p{L}*")}(?![\\p{L}])`, "iu").test(answer);
  if (entry.require) return list(entry.require).some(has);
  if (entry.veto) return !list(entry.veto).some(has);
  if (entry.copy) return (row.text.match(/\d+/g) ?? []).every((number) => answer.includes(number));
  if (entry.answer) return new RegExp(python(entry.answer), "u").test(answer);
  return true;
}

export function wilson(right, judged) {
  if (!judged) return null;
  const [z, share] = [1.96, right / judged];
  const spread = z * Math.sqrt((share * (1 - share)) / judged + (z * z) / (4 * judged * judged));
  const scale = 1 + (z * z) / judged;
  return [Math.max(0, (share + (z * z) / (2 * judged) - spread) / scale), Math.min(1, (share + (z * z) / (2 * judged) + spread) / scale)];
}

export const saysOf = (entry, task) => {
  const key = SAYS.find((candidate) => candidate in entry);
  if (task.shape === "text") return key === "require" ? `says ${list(entry.require).join(" or ")}` : key === "veto" ? `does not say ${list(entry.veto).join(", ")}` : `${kindOf(entry)}s ${list(entry[kindOf(entry)]).join(", ")}`;
  if (key === "vote") return String(entry.vote);
  if (key === "veto") return `vetoes ${list(entry.veto).join(", ")}`;
  return kindOf(entry) === "arguments" ? `vetoes ${Object.keys(entry.arguments).join(", ")}` : kindOf(entry) === "function" ? "positive, negative" : "helps others";
};

/** Everything that rules say of all rows. */
export function apply(entries, task, rows) {
  const live = entries.filter((entry) => !entry.muted);
  const hits = rows.map((row) => live.map((entry) => match(entry.entry, row)));
  const labelOf = (entry) => (task.shape === "text" ? null : (entry.entry.vote ?? entry.entry.veto ?? null));
  const answers = rows.map((row, index) => belief(task, row, live, hits[index]));
  const table = live.map((entry, column) => ruleRow(entry, task, rows, hits, column, live, labelOf));
  return { live, hits, answers, table, totals: totals(task, rows, live, hits, answers) };
}

function belief(task, row, live, hits) {
  if (task.shape === "text") return null;
  if (task.shape === "label") {
    const score = {};
    hits.forEach((hit, column) => {
      const vote = live[column].entry.vote;
      if (hit !== null && vote !== undefined) score[vote] = (score[vote] ?? 0) + (live[column].entry.weight ?? 1);
    });
    const [best] = Object.entries(score).sort((a, b) => b[1] - a[1]);
    if (!best) return null;
    const sum = Object.values(score).reduce((a, b) => a + b, 0);
    return { answer: best[0], probability: 0.5 + 0.45 * (best[1] / sum) * (1 - 0.4 / sum), conflict: Object.keys(score).length > 1 };
  }
  const spans = [];
  hits.forEach((hit, column) => {
    const vote = live[column].entry.vote;
    if (hit === null || vote === undefined || live[column].entry.sentence) return;
    for (const [start, end] of hit) if (!spans.some((span) => span.start < end && span.end > start)) spans.push({ start, end, label: task.shape === "passage" ? "" : vote });
  });
  if (spans.length === 0) return null;
  return { answer: task.shape === "passage" ? spans.slice(0, 1) : spans.sort((a, b) => a.start - b.start), probability: 0.78, conflict: hits.filter((hit) => hit !== null).length > 3 };
}

const goldOf = (row) => row.hand ?? (row.gold ? row.truth : null);

function ruleRow(entry, task, rows, hits, column, live, labelOf) {
  const label = labelOf(entry);
  let [fires, overlap, conflict, correct, judged, alone, keeps] = [0, 0, 0, 0, 0, 0, 0];
  rows.forEach((row, index) => {
    const hit = hits[index][column];
    if (hit === null) return;
    fires++;
    const others = live.filter((_, other) => other !== column && hits[index][other] !== null);
    if (others.length > 0) overlap++; else alone++;
    if (task.shape === "label" && others.some((other) => labelOf(other) !== null && labelOf(other) !== label)) conflict++;
    const gold = task.shape === "text" ? (row.target ?? null) : goldOf(row);
    if (gold === null || label === null && task.shape !== "text") return;
    judged++;
    if (task.shape === "text") keeps += kept(entry.entry, row) ? 1 : 0;
    else if (typeof gold === "string") correct += ("veto" in entry.entry ? gold !== label : gold === label) ? 1 : 0;
    else correct += hit.some(([start, end]) => gold.some((span) => span.start === start && span.end === end)) ? 1 : 0;
  });
  const n = rows.length;
  const base = { name: entry.name, where: `task.yaml:${entry.line}`, kind: kindOf(entry.entry), coverage: fires / n, judged, faults: 0, failure: "" };
  if (task.shape === "text") return { ...base, demands: saysOf(entry.entry, task), kept: keeps, interval: wilson(keeps, judged), entry: "" };
  return { ...base, labels: list(entry.entry.vote ?? entry.entry.veto), overlap: overlap / n, conflict: conflict / n, correct, interval: wilson(correct, judged), estimated: label === null ? null : (correct + 8) / (judged + 10), says: saysOf(entry.entry, task), new: fires ? alone / fires : 0, redundant: false, echo: null, echo_share: 0 };
}

function totals(task, rows, live, hits, answers) {
  const n = rows.length;
  const covered = hits.filter((row) => row.some((hit) => hit !== null)).length;
  const several = hits.filter((row) => row.filter((hit) => hit !== null).length > 1).length;
  const conflict = answers.filter((answer) => answer?.conflict).length;
  const compared = rows.map((row, index) => [task.shape === "text" ? row.target : goldOf(row), answers[index], index]).filter(([gold, answer]) => gold !== null && gold !== undefined && (answer !== null || task.shape === "text"));
  const right = compared.filter(([gold, answer, index]) => (task.shape === "text" ? live.every((entry, column) => hits[index][column] === null || kept(entry.entry, rows[index]) !== false) : JSON.stringify(answer.answer) === JSON.stringify(gold))).length;
  const sure = answers.filter(Boolean);
  return {
    coverage: covered / n, overlap: several / n, conflict: task.shape === "text" ? 0 : conflict / n, right: compared.length ? right / compared.length : null, judged: compared.length,
    interval: wilson(right, compared.length), believed: task.shape === "text" ? null : sure.length ? sure.reduce((sum, answer) => sum + answer.probability, 0) / sure.length : null,
  };
}

/** A row as the page gets it. */
export function view(task, row, applied, index) {
  const answer = applied.answers[index];
  const firings = applied.live.flatMap((entry, column) => {
    const spans = applied.hits[index][column];
    return spans === null ? [] : [{ rule: entry.name, says: saysOf(entry.entry, task), label: task.shape === "text" ? null : (entry.entry.vote ?? entry.entry.veto ?? null), veto: "veto" in entry.entry, spans }];
  });
  const demands = task.shape === "text" ? applied.live.flatMap((entry, column) => (applied.hits[index][column] === null ? [] : [{ rule: entry.name, says: saysOf(entry.entry, task), kept: kept(entry.entry, row) }])) : [];
  const turn = index % 7 === 3;
  const label = task.labels[(index + (turn ? 1 : 0)) % Math.max(1, task.labels.length)]?.name;
  return {
    id: row.id, part: row.hand !== undefined && row.hand !== null ? "labels" : row.part, text: row.text, cut: false, asked: row.asked ?? "", entities: row.entities ?? [],
    gold: goldOf(row), hand: row.hand !== undefined && row.hand !== null,
    weak: answer ? { answer: answer.answer, probability: answer.probability } : null,
    model: task.shape === "text" || !label && task.shape === "label" ? null : { answer: turn && task.shape === "label" ? label : row.truth, score: 0.55 + (index % 40) / 100 },
    firings, demands, target: task.shape === "text" ? (row.hand ?? row.target ?? null) : null,
  };
}
