// A stand-in for the real server while the page is built: one task a port, nothing kept. Run: npm run mock
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { TASKS } from "./data.mjs";
import { apply, hash, kindOf, parse, problem, problems, saysOf, view, wilson } from "./engine.mjs";

const PAGE = fileURLToPath(new URL("../../src/ruletune/serve/static/workbench/", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const FIRST = Number(process.argv[2] ?? 8791);

class Mock {
  constructor({ task, rows, rules }) {
    this.task = task;
    this.rows = rows;
    this.written = rules.map((written) => ({ written, muted: false }));
    this.past = [];
    this.future = [];
    this.revision = 1;
    this.listeners = new Set();
    this.training = { state: "idle", stage: "", done: 0, total: 0, detail: "", message: "", log: [] };
    this.report = null;
    this.problems = [];
    this.embedded = 0.62;
    this.refused = new Set();
    setInterval(() => this.embed(), 1500).unref();
  }

  embed() {
    if (this.embedded >= 1) return;
    this.embedded = Math.min(1, this.embedded + 0.03);
    this.tell("ready", { embedded: this.embedded });
  }

  tell(name, data) {
    for (const response of this.listeners) response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  entries(written = this.written) {
    let line = 14;
    return written.map(({ written: text, muted }, position) => {
      const entry = parse(text);
      const name = String(entry.name ?? `${kindOf(entry)} ${position + 1}`);
      const at = line;
      line += text.trimEnd().split("\n").length;
      const tests = (entry.tests ?? []).map((test, index) => ({ text: test.text, expect: test.expect, ok: !(name === "praise" && index === 1), got: "votes for 'positive'", line: at + index }));
      return {
        position, hash: hash(text + position + muted), name, kind: kindOf(entry), says: saysOf(entry, this.task), labels: this.task.shape === "text" ? [] : [].concat(entry.vote ?? entry.veto ?? []).map(String), muted, line: at, written: text, entry,
        locked: "function" in entry ? "It is Python code: edit rules.py, which the task file names." : null, rules: [name], tests,
      };
    });
  }

  get applied() {
    this.cached ??= apply(this.entries(), this.task, this.rows);
    return this.cached;
  }

  state() {
    return {
      revision: `r${this.revision}`, task: this.task, rules: this.entries(), problems: this.problems, undo: this.past.at(-1)?.what ?? null, redo: this.future.at(-1)?.what ?? null,
      labels_file: "labels.jsonl", counts: { texts: this.rows.length, gold: this.rows.filter((row) => row.gold || (row.hand ?? null) !== null).length, hand: this.rows.filter((row) => (row.hand ?? null) !== null).length },
      training: this.training, ready: { texts: true, embedded: this.embedded }, report: this.report,
    };
  }

  change(what, make) {
    const before = { what, written: structuredClone(this.written), hands: this.rows.map((row) => row.hand ?? null) };
    make();
    this.entries();
    this.past.push(before);
    this.future = [];
    this.bump();
    return this.state();
  }

  bump() {
    this.cached = undefined;
    this.revision++;
    this.tell("state", { revision: `r${this.revision}` });
    setTimeout(() => this.tell("numbers", { revision: `r${this.revision}` }), 250);
  }

  back(from, to) {
    const step = from.pop();
    if (!step) throw Object.assign(problem("nothing to undo"), { status: 409 });
    to.push({ what: step.what, written: structuredClone(this.written), hands: this.rows.map((row) => row.hand ?? null) });
    this.written = step.written;
    this.rows.forEach((row, index) => (row.hand = step.hands[index]));
    this.bump();
    return this.state();
  }

  found(position, given) {
    const entry = this.entries()[position];
    if (this.problems.length) throw Object.assign(problem("the task file is broken"), { status: 409 });
    if (!entry || entry.hash !== given) throw Object.assign(problem("the rule was changed since"), { status: 409, current: entry ?? null });
    return entry;
  }

  checked(written) {
    const found = problems(parse(written), this.task);
    if (found.length) throw Object.assign(new Error("invalid"), { problems: found });
    return written;
  }

  trial({ written, entry, position }) {
    const started = performance.now();
    const empty = { coverage: 0, overlap: 0, conflict: 0, right: null, judged: 0, interval: null, believed: null };
    const text = written ?? JSON.stringify(entry);
    let found = [];
    try {
      found = problems(parse(text), this.task);
    } catch (error) {
      found = error.problems ?? [{ message: error.message, file: null, line: null, remedy: null }];
    }
    const before = this.applied;
    if (found.length) return { problems: found, rows: [], before: before.totals, after: empty, gained: 0, lost: 0, turned: 0, tests: [], matched: 0, matches: [], seconds: 0.01 };
    const draft = this.written.map((item) => ({ ...item }));
    if (position === null || position === undefined) draft.push({ written: text, muted: false });
    else draft[position] = { written: text, muted: false };
    const entries = this.entries(draft);
    const name = entries[position ?? entries.length - 1].name;
    const after = apply(entries, this.task, this.rows);
    const column = after.live.findIndex((item) => item.name === name);
    const at = this.rows.map((_, index) => index).filter((index) => after.hits[index][column] !== null);
    const key = (answers, index) => JSON.stringify(answers[index]?.answer ?? null);
    let [gained, lost, turned] = [0, 0, 0];
    this.rows.forEach((_, index) => {
      const [a, b] = [key(before.answers, index), key(after.answers, index)];
      if (a === b) return;
      if (a === "null") gained++; else if (b === "null") lost++; else turned++;
    });
    return {
      problems: [], rows: after.table.filter((row) => row.name === name), before: before.totals, after: after.totals, gained, lost, turned, tests: entries[position ?? entries.length - 1].tests,
      matched: at.length, matches: at.slice(0, 20).map((index) => view(this.task, this.rows[index], after, index)), seconds: (performance.now() - started) / 1000,
    };
  }

  texts(query) {
    const [filter, rule, label, text] = ["filter", "rule", "label", "query"].map((name) => query.get(name) ?? "");
    const { applied, task } = this;
    const column = applied.live.findIndex((entry) => entry.name === rule);
    let fits = (value) => value.toLowerCase().includes(text.toLowerCase());
    if (/^\/.+\/$/.test(text)) {
      try {
        const expression = new RegExp(text.slice(1, -1), "iu");
        fits = (value) => expression.test(value);
      } catch (error) {
        throw problem(`the search is no regular expression: ${error.message}`);
      }
    }
    const all = this.rows.map((row, index) => [row, index]).filter(([row, index]) => {
      const seen = view(task, row, applied, index);
      const weak = JSON.stringify(seen.weak?.answer ?? null);
      const speaks = seen.firings.length > 0;
      const ok = {
        all: true, "": true, covered: speaks, uncovered: !speaks, conflict: applied.answers[index]?.conflict ?? false, labelled: (seen.gold ?? seen.target) !== null, unlabelled: seen.gold === null && seen.target === null,
        disagree: seen.weak !== null && seen.model !== null && weak !== JSON.stringify(seen.model.answer), wrong: task.shape === "text" ? seen.demands.some((demand) => demand.kept === false) : seen.gold !== null && seen.weak !== null && weak !== JSON.stringify(seen.gold),
      }[filter];
      return ok && (rule === "" || applied.hits[index][column] !== null) && (label === "" || seen.gold === label || seen.weak?.answer === label) && (text === "" || fits(row.text));
    });
    const offset = Number(query.get("offset") ?? 0);
    return { total: all.length, rows: all.slice(offset, offset + Number(query.get("limit") ?? 50)).map(([row, index]) => view(task, row, applied, index)) };
  }

  numbers() {
    const { applied, task } = this;
    const labels = task.shape === "passage" ? ["answer"] : task.labels.map((label) => label.name);
    const shares = {};
    for (const answer of applied.answers) for (const label of answer ? (typeof answer.answer === "string" ? [answer.answer] : answer.answer.map((span) => span.label)) : []) shares[label] = (shares[label] ?? 0) + 1 / this.rows.length;
    const matrix = labels.map((gold) => labels.map((said) => this.rows.filter((row, index) => (row.hand ?? (row.gold ? row.truth : null)) === gold && applied.answers[index]?.answer === said).length));
    const metric = { label: "accuracy", spans: "f1", passage: "f1", text: "bleu" }[task.shape];
    return {
      revision: `r${this.revision}`, table: { rows: applied.table, texts: this.rows.length, gold: 36, coverage: applied.totals.coverage, overlap: applied.totals.overlap, conflict: applied.totals.conflict }, totals: applied.totals,
      estimate: task.shape === "text" ? null : { pending: this.embedded < 1, alternatives: [{ name: "labels alone", accuracy: 0.62, error: 0.06 }, { name: "rules alone", accuracy: 0.7, error: 0.05 }, { name: "rules + labels", accuracy: 0.765, error: 0.045 }], metric, reason: "Rules and labels agree beyond chance (kappa 0.41).", use_rules: true, embedded: this.embedded },
      curve: task.shape === "text" ? [] : [{ labels: 9, value: 0.51, low: 0.44, high: 0.58 }, { labels: 18, value: 0.57, low: 0.53, high: 0.62 }, { labels: 36, value: 0.62, low: 0.59, high: 0.66 }],
      confusion: task.shape === "label" ? { labels, matrix, of: "what the rules say" } : null, shares: task.shape === "text" ? {} : Object.fromEntries(Object.entries(shares).map(([label, share]) => [label || "answer", share])),
    };
  }

  suggestions(rule) {
    const all = [
      { number: 1, title: "keywords: disappointing, overlong", why: "These words stand in 9 texts, 8 of them labelled negative or close to such, and no rule has them.", entry: { name: "overlong", keywords: ["overlong", "disappointing"], vote: this.task.labels[0]?.name ?? "answer" }, position: null, figures: { coverage: 0.021, right: "3/3" }, examples: [{ text: "Ostinato: dull, overlong and oddly proud of it.", spans: [[16, 24]] }] },
      { number: 2, title: "exception for “praise”: not funny", why: "“praise” is wrong on 4 of 5 texts with these words.", entry: { name: "praise", keywords: ["funny", "moving", "charming"], unless: { keywords: ["not funny"] }, vote: this.task.labels[1]?.name ?? "answer" }, position: 0, figures: { conflict: 0.013 }, examples: [{ text: "the jokes are not funny and the plot is missing 😴", spans: [[14, 23]] }] },
    ].filter((suggestion) => !this.refused.has(suggestion.title));
    return { ready: true, notes: this.embedded < 1 ? ["The texts are still being embedded; suggestions that need it come later."] : [], suggestions: this.task.shape === "text" ? [] : rule ? all.filter((item) => item.title.includes(rule)) : all };
  }

  train() {
    this.training = { state: "running", stage: "weak stage", done: 0, total: 120, detail: "loss 0.69", message: "", log: ["Reading 3,016 texts", "Applying 10 rules"] };
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      const training = { ...this.training, done: this.training.done + 4, detail: `loss ${(0.69 - this.training.done / 300).toFixed(3)}`, log: [...this.training.log, `step ${this.training.done + 4}`] };
      if (training.done >= training.total) {
        clearInterval(this.timer);
        Object.assign(training, { state: "done", message: "rules + labels: accuracy 76.5%; labels alone: 62.4%" });
        this.report = "report/";
      }
      this.training = training;
      this.tell("training", training);
      if (training.state === "done") this.bump();
    }, 300);
    return this.training;
  }

  stop() {
    clearInterval(this.timer);
    this.training = { ...this.training, state: "stopped", message: "Stopped by you." };
    this.tell("training", this.training);
    return this.training;
  }

  label({ id, was, answer }) {
    const row = this.rows.find((other) => other.id === id);
    const index = this.rows.indexOf(row);
    const now = view(this.task, row, this.applied, index).gold;
    if (JSON.stringify(now) !== JSON.stringify(was)) throw Object.assign(problem("the label was changed since"), { status: 409, current: now });
    const state = this.change(answer === null ? `label of ${id} taken away` : `label of ${id}`, () => (row.hand = answer));
    return { ...state, row: view(this.task, row, this.applied, index) };
  }

  /** For looking at the page: what other people do. */
  mischief(kind) {
    if (kind === "outside") {
      this.written[0].written = this.written[0].written.replace(/(keywords: \[)/, "$1delightful, ");
      this.bump();
    } else if (kind === "break") {
      this.problems = [{ message: "unknown key 'voote'; did you mean 'vote'?", file: this.task.path, line: 23, remedy: "vote: positive" }];
      this.bump();
    } else if (kind === "mend") {
      this.problems = [];
      this.bump();
    }
    return {};
  }

  async route(method, path, query, body) {
    const position = Number(/^api\/rules\/(\d+)$/.exec(path)?.[1] ?? -1);
    const key = `${method} ${position >= 0 ? "api/rules/N" : path}`;
    const writtenOf = () => this.checked(body.written ?? `${JSON.stringify(body.entry)}\n`);
    switch (key) {
      case "GET api/state": return this.state();
      case "GET api/numbers": return this.numbers();
      case "GET api/texts": return this.texts(query);
      case "GET api/next": return { ready: this.embedded >= 1, note: "", rows: this.rows.map((row, index) => [row, index]).filter(([row]) => !row.gold && (row.hand ?? null) === null).slice(0, Number(query.get("count"))).map(([row, index]) => view(this.task, row, this.applied, index)) };
      case "GET api/suggestions": return this.suggestions(query.get("rule") ?? "");
      case "POST api/suggestions/refuse": this.refused.add(body.title); return {};
      case "POST api/trial": return this.trial(body);
      case "POST api/rules": return this.change(`rule ${parse(writtenOf()).name ?? ""} added`, () => this.written.push({ written: writtenOf(), muted: false }));
      case "PUT api/rules/N": { const entry = this.found(position, body.hash); return this.change(`change of ${entry.name}`, () => (this.written[position].written = writtenOf())); }
      case "PATCH api/rules/N": {
        const entry = this.found(position, body.hash);
        if (body.to !== undefined) return this.change(`move of ${entry.name}`, () => this.written.splice(body.to, 0, ...this.written.splice(position, 1)));
        return this.change(`${body.muted ? "muting" : "unmuting"} of ${entry.name}`, () => (this.written[position].muted = body.muted));
      }
      case "DELETE api/rules/N": { const entry = this.found(position, body.hash); return this.change(`deletion of ${entry.name}`, () => this.written.splice(position, 1)); }
      case "POST api/undo": return this.back(this.past, this.future);
      case "POST api/redo": return this.back(this.future, this.past);
      case "POST api/labels": return this.label(body);
      case "POST api/train": return this.train();
      case "DELETE api/train": return this.stop();
      case "POST api/mischief": return this.mischief(body.kind);
      default: throw Object.assign(problem(`no such address: ${key}`), { status: 404 });
    }
  }
}

async function answer(mock, request, response) {
  const url = new URL(request.url, "http://localhost");
  const path = url.pathname.slice(1);
  if (path === "api/events") {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write(": hello\n\n");
    mock.listeners.add(response);
    request.on("close", () => mock.listeners.delete(response));
    return;
  }
  if (path.startsWith("api/")) {
    let text = "";
    for await (const chunk of request) text += chunk;
    try {
      if (request.method !== "GET" && request.headers["x-ruletune"] !== "1") throw Object.assign(problem("forbidden"), { status: 403 });
      const reply = await mock.route(request.method, path, url.searchParams, text ? JSON.parse(text) : {});
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(reply));
    } catch (error) {
      const known = error.problems ?? [{ message: String(error.message), file: null, line: null, remedy: null }];
      response.writeHead(error.status ?? 422, { "Content-Type": "application/json" }).end(JSON.stringify({ problems: known, current: error.current ?? null }));
    }
    return;
  }
  try {
    const file = join(PAGE, normalize(path || "index.html"));
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "text/plain", "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff" }).end(await readFile(file));
  } catch {
    response.writeHead(404).end();
  }
}

Object.entries(TASKS).forEach(([name, task], index) => {
  const mock = new Mock(task);
  createServer((request, response) => void answer(mock, request, response)).listen(FIRST + index, "127.0.0.1", () => console.log(`${name}: http://127.0.0.1:${FIRST + index}/`));
});
