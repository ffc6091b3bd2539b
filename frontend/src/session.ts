/** The page's conversation with the server: every action of the user that leaves the page goes through here. */

import { api, Gone, Refusal } from "./api";
import { Drafts, isNew, newKey, storage } from "./drafts";
import { fresh, parse, write, yamlOf, kindOf } from "./entry";
import { Events } from "./events";
import { TABLES, type Language, type Strings } from "./i18n";
import { isChanged, reduce, START, type Action, type Model, type Notice } from "./store";
import type { Answer, Entry, Problem, Row, State, Suggestion, Training } from "./types";

const TRIAL_DELAY = 120;
const NUMBERS_DELAY = 1500;
const PROBE_DELAY = 2000;

export class Session {
  model: Model = START;
  drafts = new Drafts(null, "");
  /** The last thing done, for screen readers. */
  said = "";

  private readonly listeners = new Set<() => void>();
  private readonly events: Events;
  private work: Promise<unknown> = Promise.resolve();
  private trialTimer = 0;
  private trialStop: AbortController | null = null;
  private toastKey = 0;
  private awaited = 0;
  private numbersTimer = 0;
  private probeTimer = 0;
  private saveWhenTried = false;
  /** Whether the list of rules takes the focus when it comes back. */
  focusRules = false;

  constructor(public language: Language) {
    this.events = new Events({
      state: (revision) => this.changed(revision),
      numbers: () => this.readNumbers(),
      training: (training) => this.trained(training),
      ready: (embedded) => this.ready(embedded),
      online: (online) => this.online(online),
    });
  }

  get t(): Strings {
    return TABLES[this.language];
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  dispatch(action: Action): void {
    this.model = reduce(this.model, action);
    this.listeners.forEach((listener) => listener());
  }

  say(text: string): void {
    this.said = text === this.said ? `${text}\u00a0` : text;
    this.listeners.forEach((listener) => listener());
  }

  toast(text: string, options: { bad?: boolean; undo?: boolean } = {}): void {
    const key = ++this.toastKey;
    this.dispatch({ type: "toast", toast: { key, text, bad: options.bad ?? false, undo: options.undo ?? false } });
    setTimeout(() => this.dispatch({ type: "untoast", key }), options.undo ? 12000 : 6000);
  }

  /** Reads everything, and listens from then on. */
  async start(): Promise<void> {
    const state = await api.state();
    this.drafts = new Drafts(storage(), state.task.path);
    this.dispatch({ type: "state", state });
    this.events.listen(state.task.path);
    await this.readNumbers();
  }

  stop(): void {
    this.events.close();
    this.trialStop?.abort();
    clearTimeout(this.trialTimer);
    clearTimeout(this.numbersTimer);
    clearTimeout(this.probeTimer);
  }

  /** What went wrong, where the user sees it. */
  failed(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (error instanceof Gone) {
      this.online(false);
      return;
    }
    const text = error instanceof Refusal ? this.words(error.problems) : String(error);
    this.toast(`${this.t.notice.refused}: ${text}`, { bad: true });
  }

  private words(problems: readonly Problem[]): string {
    const said = (problem: Problem) => [problem.message, problem.remedy].filter((part) => part !== null && part !== "").map((part) => this.t.server(part ?? ""));
    return problems.map((problem) => said(problem).join(" – ")).join("; ");
  }

  private online(online: boolean): void {
    const before = this.model.online;
    this.dispatch({ type: "online", online });
    clearTimeout(this.probeTimer);
    if (!online) this.probeTimer = window.setTimeout(() => this.probe(), PROBE_DELAY);
    else if (!before) {
      void this.changed("");
      this.tryDraft();
    }
  }

  /** Whether there is a server again: the stream of events does not always notice that it was gone. */
  private probe(): void {
    api.state().then(() => this.online(true), () => this.online(false));
  }

  private async readNumbers(): Promise<void> {
    try {
      this.dispatch({ type: "numbers", numbers: await api.numbers() });
    } catch (error) {
      this.failed(error);
    }
  }

  /** Somebody says that there is another revision: read it, unless it is what this page has just written. */
  private async changed(revision: string): Promise<void> {
    await this.work.catch(() => undefined);
    if (revision !== "" && revision === this.model.state?.revision) return;
    try {
      const state = await api.state();
      const same = state.revision === this.model.state?.revision;
      if (same || revision === "") return this.take(state, !same);
      const notice: Notice = (await this.events.fromTab(state.revision)) ? "tab" : "outside";
      this.dispatch({ type: "state", state, notice });
      this.take(state, true);
    } catch (error) {
      this.failed(error);
    }
  }

  private take(state: State, other: boolean): void {
    this.dispatch({ type: "state", state });
    if (!other) return;
    this.tryDraft();
    this.expectNumbers();
  }

  /** The server tells when there are new numbers; should that get lost, they are asked for. */
  private expectNumbers(): void {
    clearTimeout(this.numbersTimer);
    this.numbersTimer = window.setTimeout(() => {
      if (this.model.numbers?.revision !== this.model.state?.revision) void this.readNumbers();
    }, NUMBERS_DELAY);
  }

  private ready(embedded: number): void {
    const first = this.model.state?.ready.texts === false;
    this.dispatch({ type: "ready", embedded });
    if (first) void this.changed("");
  }

  private trained(training: Training): void {
    const before = this.model.state?.training.state;
    this.dispatch({ type: "training", training });
    if (training.state !== before) void this.changed("");
  }

  /** One change after the other, so that each is made on what the one before has left. */
  private change<T extends State>(make: () => Promise<T>, quiet = false): Promise<T> {
    this.awaited += 1;
    const made = this.work.catch(() => undefined).then(async () => {
      const state = await make();
      this.dispatch({ type: "state", state, quiet });
      this.expectNumbers();
      this.events.announce(state.revision);
      return state;
    });
    this.work = made.finally(() => (this.awaited -= 1)).catch(() => undefined);
    return made;
  }

  /** Whether a change is on its way. */
  get busy(): boolean {
    return this.awaited > 0;
  }

  private async attempt(make: () => Promise<State>, done: (state: State) => void): Promise<void> {
    try {
      done(await this.change(make));
    } catch (error) {
      if (error instanceof Refusal && error.status === 409) {
        this.toast(error.problems.length ? this.words(error.problems) : this.t.notice.stale, { bad: true });
        await this.changed("");
      } else this.failed(error);
    }
  }

  // Rules

  mute(entry: Entry): void {
    const done = entry.muted ? this.t.rules.unmute : this.t.rules.mute;
    void this.attempt(() => api.mute(entry.position, entry.hash, !entry.muted), () => this.say(`${done}: ${entry.name}`));
  }

  move(entry: Entry, to: number): void {
    const last = (this.model.state?.rules.length ?? 1) - 1;
    const place = Math.min(Math.max(0, to), last);
    if (place === entry.position) return;
    void this.attempt(() => api.move(entry.position, entry.hash, place), (state) =>
      this.say(this.t.rules.moved(entry.name, place + 1, state.rules.length)));
  }

  remove(entry: Entry): void {
    void this.attempt(() => api.remove(entry.position, entry.hash), () =>
      this.toast(this.t.rules.removed(entry.name), { undo: true }));
  }

  undo(): void {
    const state = this.model.state;
    if (!state?.undo) return;
    const what = state.undo;
    void this.attempt(() => api.undo(this.model.state?.revision ?? ""), () => this.toast(this.t.notice.undone(this.t.server(what))));
  }

  redo(): void {
    const state = this.model.state;
    if (!state?.redo) return;
    const what = state.redo;
    void this.attempt(() => api.redo(this.model.state?.revision ?? ""), () => this.toast(this.t.notice.redone(this.t.server(what))));
  }

  // The editor

  edit(entry: Entry): void {
    const draft = this.drafts.find(entry.hash);
    this.open(entry.position, entry.hash, entry.written, draft?.written ?? entry.written, draft !== null);
  }

  /** Opens a rule with a test more. */
  addTest(entry: Entry, text = ""): void {
    this.edit(entry);
    const editing = this.model.editing;
    const tests = editing && parse(editing.written).entry?.["tests"];
    if (editing) this.write(write(editing.written, ["tests"], [...(Array.isArray(tests) ? tests : []), { text, expect: true }]));
  }

  /** A new rule, empty or made from words. */
  create(terms: readonly string[] = [], label?: string): void {
    const state = this.model.state;
    if (!state) return;
    const written = fresh(state.task, terms, label);
    this.open(null, newKey(), terms.length === 0 ? written : "", written, false);
    if (terms.length > 0) this.keepDraft();
  }

  /** A suggestion as a draft. */
  editSuggestion(suggestion: Suggestion): void {
    const entry = this.model.state?.rules.find((other) => other.position === suggestion.position);
    const written = yamlOf(suggestion.entry);
    if (entry) this.open(entry.position, entry.hash, entry.written, written, false);
    else this.open(null, newKey(), "", written, false);
  }

  resume(hash: string, name: string): void {
    const draft = this.drafts.find(hash);
    const state = this.model.state;
    if (!draft || !state) return;
    // Of an entry that has changed since, saving will show both versions; one that is gone becomes a new rule.
    const entry = state.rules.find((other) => other.hash === hash) ?? state.rules.find((other) => !isNew(hash) && other.name === name);
    const lost = !entry && !isNew(hash);
    if (lost) this.drafts.drop(hash);
    this.open(entry?.position ?? null, lost ? newKey() : hash, lost ? "" : draft.base, draft.written, true);
    if (lost) this.keepDraft();
  }

  private open(position: number | null, hash: string, base: string, written: string, restored: boolean): void {
    const entry = parse(written).entry;
    const view = entry !== null && kindOf(entry) !== null ? "form" : "yaml";
    this.dispatch({ type: "open", position, hash, base, written, view, restored });
    this.tryDraft();
  }

  write(written: string): void {
    this.saveWhenTried = false;
    this.dispatch({ type: "write", written });
    this.keepDraft();
    clearTimeout(this.trialTimer);
    this.trialTimer = window.setTimeout(() => this.tryDraft(), TRIAL_DELAY);
  }

  /** Words more for the draft's list. */
  addTerms(terms: readonly string[]): void {
    const editing = this.model.editing;
    const entry = editing && parse(editing.written).entry;
    const words = entry?.["keywords"];
    if (!editing || !entry || !Array.isArray(words)) return this.create(terms);
    this.write(write(editing.written, ["keywords"], [...new Set([...words.map(String), ...terms])]));
  }

  private keepDraft(): void {
    const editing = this.model.editing;
    if (!editing) return;
    if (!isChanged(editing)) return this.drafts.drop(editing.hash);
    const name = parse(editing.written).entry?.["name"];
    this.drafts.keep({
      hash: editing.hash, name: name === undefined ? "" : String(name), written: editing.written, base: editing.base, changed: Date.now(),
    });
  }

  private tryDraft(): void {
    clearTimeout(this.trialTimer);
    this.trialStop?.abort();
    const editing = this.model.editing;
    const untouched = editing?.position === null && !isChanged(editing);
    if (!editing || untouched || editing.written.trim() === "" || parse(editing.written).entry === null) {
      this.dispatch({ type: "untried" });
      return;
    }
    const stop = new AbortController();
    this.trialStop = stop;
    this.dispatch({ type: "trying" });
    const { written, position } = editing;
    api.trial({ written, position }, stop.signal).then(
      (trial) => {
        this.dispatch({ type: "tried", written, trial });
        if (this.saveWhenTried) void this.save();
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        this.dispatch({ type: "untried" });
        // Another page has tried something meanwhile: the server leaves the older trial.
        if (error instanceof Refusal && error.status === 409) this.trialTimer = window.setTimeout(() => this.tryDraft(), TRIAL_DELAY);
        else if (error instanceof Refusal) this.dispatch({ type: "notSaved", problems: error.problems });
        else this.failed(error);
      },
    );
  }

  /** Whether the draft may be saved: the server has found nothing wrong with exactly this text. */
  get valid(): boolean {
    const { editing, tried } = this.model;
    return editing !== null && tried?.written === editing.written && tried.trial.problems.length === 0;
  }

  async save(): Promise<void> {
    const editing = this.model.editing;
    const tried = this.model.tried?.written === editing?.written;
    this.saveWhenTried = false;
    if (!editing || editing.saving || editing.conflict || !isChanged(editing)) return;
    if (!this.valid) {
      // The last keys are not tried yet: save as soon as they are.
      this.saveWhenTried = !tried;
      if (!tried && !this.model.trying) this.tryDraft();
      return;
    }
    this.dispatch({ type: "saving" });
    const { position, hash, written } = editing;
    const name = String(parse(written).entry?.["name"] ?? this.t.rules.unnamed);
    try {
      await this.change(() => (position === null ? api.add(written) : api.replace(position, hash, written)));
      this.drafts.drop(hash);
      this.focusRules = true;
      this.dispatch({ type: "choose", rule: name });
      this.dispatch({ type: "close" });
      this.toast(this.t.editor.saved(name), { undo: true });
    } catch (error) {
      if (error instanceof Refusal && error.status === 409 && position !== null) {
        this.dispatch({ type: "conflict", theirs: (error.current as Entry | null) ?? null });
      } else if (error instanceof Refusal) this.dispatch({ type: "notSaved", problems: error.problems });
      else {
        this.dispatch({ type: "notSaved", problems: [] });
        this.failed(error);
      }
    }
  }

  /** Closes the editor; what is not saved stays as a draft. */
  leave(): void {
    this.trialStop?.abort();
    this.focusRules = true;
    this.dispatch({ type: "close" });
  }

  discard(): void {
    const editing = this.model.editing;
    if (!editing) return;
    this.drafts.drop(editing.hash);
    this.leave();
    this.say(this.t.editor.discarded);
  }

  settle(which: "mine" | "theirs"): void {
    const editing = this.model.editing;
    if (!editing) return;
    this.drafts.drop(editing.hash);
    this.dispatch({ type: which });
    if (which === "theirs" && editing.conflict?.theirs === null) return this.leave();
    this.keepDraft();
    this.tryDraft();
    void this.changed("");
  }

  // Texts

  async label(row: Row, answer: Answer | null): Promise<Row | null> {
    try {
      const reply = await this.change(() => api.label(row.id, row.gold, answer), true);
      return reply.row;
    } catch (error) {
      if (error instanceof Refusal && error.status === 409) {
        this.toast(this.t.texts.conflictLabel, { bad: true });
        return api.text(row.id).catch(() => null);
      }
      this.failed(error);
      return null;
    }
  }

  async accept(suggestion: Suggestion): Promise<boolean> {
    const entry = this.model.state?.rules.find((other) => other.position === suggestion.position);
    let ok = false;
    await this.attempt(
      () => (entry ? api.replaceEntry(entry.position, entry.hash, suggestion.entry) : api.addEntry(suggestion.entry)),
      () => {
        ok = true;
        this.toast(this.t.texts.accepted(suggestion.title), { undo: true });
      },
    );
    return ok;
  }

  async refuse(suggestion: Suggestion): Promise<boolean> {
    try {
      await api.refuse(suggestion.title);
      this.say(this.t.texts.refused(suggestion.title));
      return true;
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  // Training

  async train(): Promise<void> {
    try {
      this.dispatch({ type: "training", training: await api.train() });
    } catch (error) {
      this.failed(error);
    }
  }

  async stopTraining(): Promise<void> {
    try {
      this.dispatch({ type: "training", training: await api.stop() });
    } catch (error) {
      this.failed(error);
    }
  }
}
