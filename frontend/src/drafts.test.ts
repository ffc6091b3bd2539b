import { describe, expect, it } from "vitest";
import { Drafts, type SavedDraft } from "./drafts";

function memory(): Pick<Storage, "getItem" | "setItem" | "removeItem"> & { values: Map<string, string> } {
  const values = new Map<string, string>();
  return {
    values,
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

const draft = (hash: string, written = "a: 1"): SavedDraft => ({ hash, written, name: hash, base: "", changed: 0 });

describe("Drafts", () => {
  it("survives a reload, by task file", () => {
    const storage = memory();
    new Drafts(storage, "a.yaml").keep(draft("x"));
    expect(new Drafts(storage, "a.yaml").find("x")?.written).toBe("a: 1");
    expect(new Drafts(storage, "b.yaml").all()).toEqual([]);
  });

  it("keeps one draft of an entry, the newest", () => {
    const drafts = new Drafts(memory(), "a");
    drafts.keep(draft("x"));
    drafts.keep(draft("y"));
    drafts.keep(draft("x", "b: 2"));
    expect(drafts.all().map((item) => [item.hash, item.written])).toEqual([["x", "b: 2"], ["y", "a: 1"]]);
    drafts.drop("x");
    expect(drafts.find("x")).toBeNull();
  });

  it("bears storage that is broken, full or forbidden", () => {
    const storage = memory();
    storage.values.set("ruletune.workbench.drafts:a", '[{"hash": 1}, null, 3]');
    storage.values.set("ruletune.workbench.answers:a", "{");
    expect(new Drafts(storage, "a").all()).toEqual([]);
    expect(new Drafts(storage, "a").answer("1")).toBeNull();
    const full = { ...memory(), setItem: () => { throw new Error("full"); } };
    expect(() => new Drafts(full, "a").keep(draft("x"))).not.toThrow();
    expect(new Drafts(null, "a").all()).toEqual([]);
  });

  it("keeps answers by id", () => {
    const drafts = new Drafts(memory(), "a");
    drafts.keepAnswer("1", "Hund");
    expect(drafts.answer("1")).toBe("Hund");
    drafts.keepAnswer("1", null);
    expect(drafts.answer("1")).toBeNull();
  });
});
