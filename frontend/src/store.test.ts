import { describe, expect, it } from "vitest";
import { isChanged, isStale, reduce, START, withRow, type Model } from "./store";
import type { Entry, Row, State, Trial } from "./types";

const entry = (position: number, name: string, hash = name): Entry => ({
  position, hash, name, kind: "keywords", says: "a", labels: ["a"], muted: false, line: position + 1, written: `name: ${name}\n`,
  entry: {}, locked: null, rules: [name], tests: [],
});
const state = (revision: string, rules: Entry[]): State => ({
  revision, rules, problems: [], undo: null, redo: null, labels_file: "", counts: { texts: 1, gold: 0, hand: 0 }, report: null,
  task: { kind: "", name: "", description: "", path: "", readout: "label", shape: "label", labels: [], multi_label: false, negative: null },
  training: { state: "idle", stage: "", done: 0, total: 0, detail: "", message: "", log: [] }, ready: { texts: true, embedded: 0 },
});
const trial = { problems: [], matched: 3 } as unknown as Trial;
const begun = (): Model => reduce(START, { type: "state", state: state("1", [entry(0, "x"), entry(1, "y")]) });
const open = (model: Model, position: number | null, hash: string, base = "name: y\n", written = base): Model =>
  reduce(model, { type: "open", position, hash, base, written, view: "form", restored: false });

describe("drafts", () => {
  it("are open beside what they match, and leave that when they close", () => {
    const opened = open(begun(), 1, "y");
    expect(opened.tab).toBe("matches");
    expect(reduce(opened, { type: "close" })).toMatchObject({ tab: "texts", editing: null, tried: null });
    expect(reduce(reduce(opened, { type: "tab", tab: "next" }), { type: "close" }).tab).toBe("next");
  });

  it("take no figures about what they were before", () => {
    const written = reduce(open(begun(), 1, "y"), { type: "write", written: "name: z" });
    expect(reduce(written, { type: "tried", written: "name: y\n", trial }).tried).toBeNull();
    expect(reduce(written, { type: "tried", written: "name: z", trial }).tried?.trial.matched).toBe(3);
  });

  it("follow their entry to another place", () => {
    const moved = reduce(open(begun(), 1, "y"), { type: "state", state: state("2", [entry(0, "y"), entry(1, "x")]) });
    expect(moved.editing?.position).toBe(0);
    expect(isStale(moved.editing!, moved.state!.rules)).toBe(false);
  });

  it("know when their entry was changed or deleted, and keep what was typed", () => {
    const typed = reduce(open(begun(), 1, "y"), { type: "write", written: "mine" });
    const changed = reduce(typed, { type: "state", state: state("2", [entry(0, "x"), entry(1, "y", "other")]) });
    expect(isStale(changed.editing!, changed.state!.rules)).toBe(true);
    expect(changed.editing).toMatchObject({ written: "mine", position: 1 });
  });

  it("settle a conflict for either side", () => {
    const theirs = { ...entry(1, "y", "newer"), written: "theirs" };
    const typed = reduce(open(begun(), 1, "y"), { type: "write", written: "mine" });
    const refused = reduce(reduce(typed, { type: "saving" }), { type: "conflict", theirs });
    expect(refused).toMatchObject({ tab: "matches", editing: { saving: false, conflict: { theirs } } });
    expect(reduce(refused, { type: "mine" }).editing).toMatchObject({ written: "mine", hash: "newer", base: "theirs", conflict: null });
    expect(reduce(refused, { type: "theirs" }).editing).toMatchObject({ written: "theirs", hash: "newer", conflict: null });
    const gone = reduce(typed, { type: "conflict", theirs: null });
    expect(reduce(gone, { type: "mine" }).editing).toMatchObject({ written: "mine", position: null, base: "" });
  });

  it("are changed when they say something else", () => {
    const opened = open(begun(), 1, "y");
    expect(isChanged(opened.editing!)).toBe(false);
    expect(isChanged(reduce(opened, { type: "write", written: "name: y\n\n" }).editing!)).toBe(false);
    expect(isChanged(reduce(opened, { type: "write", written: "name: z\n" }).editing!)).toBe(true);
  });

  it("that are closed take nothing", () => {
    for (const action of [{ type: "write", written: "x" }, { type: "saving" }, { type: "mine" }] as const) {
      expect(reduce(begun(), action).editing).toBeNull();
    }
  });
});

describe("state", () => {
  it("forgets a filter for a rule that is gone", () => {
    const filtered = reduce(reduce(begun(), { type: "query", query: { rule: "y", offset: 50 } }), { type: "choose", rule: "y" });
    expect(filtered.query.offset).toBe(50);
    const gone = reduce(filtered, { type: "state", state: state("2", [entry(0, "x")]) });
    expect(gone).toMatchObject({ chosen: "", query: { rule: "", offset: 0 } });
  });

  it("reads texts again when something changed, not after a label", () => {
    const before = begun();
    expect(reduce(before, { type: "state", state: state("1", []) }).version).toBe(before.version);
    expect(reduce(before, { type: "state", state: state("2", []) }).version).toBe(before.version + 1);
    expect(reduce(before, { type: "state", state: state("2", []), quiet: true }).version).toBe(before.version);
  });

  it("begins a query at its first page", () => {
    const paged = reduce(begun(), { type: "query", query: { offset: 100 } });
    expect(reduce(paged, { type: "query", query: { filter: "wrong" } }).query).toMatchObject({ filter: "wrong", offset: 0 });
  });

  it("does not call a broken file a new version", () => {
    const broken = { ...state("2", []), problems: [{ message: "x", file: null, line: 3, remedy: null }] };
    expect(reduce(begun(), { type: "state", state: broken, notice: "outside" }).notice).toBeNull();
    expect(reduce(begun(), { type: "state", state: state("2", []), notice: "outside" }).notice).toBe("outside");
  });

  it("tells once that the server is back", () => {
    const gone = reduce(begun(), { type: "online", online: false });
    expect(gone.notice).toBeNull();
    expect(reduce(gone, { type: "online", online: true }).notice).toBe("back");
    expect(reduce(begun(), { type: "online", online: true }).notice).toBeNull();
  });

  it("keeps three toasts, and events before there is a state", () => {
    const toast = (key: number) => ({ type: "toast", toast: { key, text: "", bad: false, undo: false } }) as const;
    const many = [1, 2, 3, 4].reduce((model, key) => reduce(model, toast(key)), START);
    expect(many.toasts.map((item) => item.key)).toEqual([2, 3, 4]);
    expect(reduce(many, { type: "untoast", key: 3 }).toasts.map((item) => item.key)).toEqual([2, 4]);
    expect(reduce(START, { type: "ready", embedded: 1 })).toBe(START);
  });

  it("puts a newer row in the place of the older", () => {
    const rows = ["a", "b"].map((id) => ({ id, text: "" }) as Row);
    expect(withRow(rows, { ...rows[1]!, text: "new" }).map((row) => row.text)).toEqual(["", "new"]);
  });
});
