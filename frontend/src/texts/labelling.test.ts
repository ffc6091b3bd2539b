import { describe, expect, it } from "vitest";
import type { Row, Task } from "../types";
import { canTake, choose, keysOf, none, rangeOf, step, without } from "./labelling";

const task = (shape: Task["shape"], more: Partial<Task> = {}): Task => ({
  kind: "", name: "", description: "", path: "", readout: "label", shape, multi_label: false, negative: null,
  labels: ["a", "b", "c"].map((name) => ({ name, description: "" })), ...more,
});
const row = (gold: Row["gold"], hand = true): Row => ({
  id: "1", part: "train", text: "one two three", cut: false, asked: "", entities: [], gold, hand, weak: null, model: null, firings: [], demands: [], target: null,
});

describe("labels", () => {
  it("are chosen, and not chosen twice", () => {
    expect(choose(task("label"), row(null), "a", null)).toBe("a");
    expect(choose(task("label"), row("a"), "a", null)).toBeUndefined();
  });

  it("are toggled where several may hold, in the order of the task", () => {
    const several = task("label", { multi_label: true });
    expect(choose(several, row(["c"]), "a", null)).toEqual(["a", "c"]);
    expect(choose(several, row(["a", "c"]), "a", null)).toEqual(["c"]);
    expect(none(several, row(null))).toEqual([]);
    expect(none(several, row([]))).toBeUndefined();
  });

  it("can be none", () => {
    expect(none(task("label"), row("a"))).toBeNull();
    expect(none(task("label"), row(null))).toBeUndefined();
    expect(none(task("label", { negative: "c" }), row(null))).toBe("c");
    expect(none(task("spans"), row(null))).toEqual([]);
  });

  it("of the data file can be overruled, not taken away", () => {
    expect([canTake(row("a", false)), canTake(row("a", true)), canTake(row(null, false))]).toEqual([false, true, false]);
    expect(choose(task("label"), row("a", false), "b", null)).toBe("b");
    expect(without(task("label"), row("a", false), null)).toBeUndefined();
    expect(none(task("label"), row("a", false))).toBeUndefined();
  });

  it("have keys up to nine", () => {
    const many = task("label", { labels: Array.from({ length: 11 }, (_, index) => ({ name: `l${index}`, description: "" })) });
    expect(keysOf(many).map((item) => item.key)).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9", "", ""]);
    expect(keysOf(task("passage"))).toEqual([{ key: "1", label: "answer" }]);
  });
});

describe("spans", () => {
  it("need characters", () => {
    expect(choose(task("spans"), row(null), "a", null)).toBeUndefined();
    expect(choose(task("spans"), row(null), "a", [4, 7])).toEqual([{ start: 4, end: 7, label: "a" }]);
    expect(choose(task("passage"), row([{ start: 0, end: 3, label: "" }]), "answer", [4, 7])).toEqual([{ start: 4, end: 7, label: "" }]);
  });

  it("are unmarked where they are chosen, and taken away where nothing is", () => {
    const marked = row([{ start: 0, end: 3, label: "a" }, { start: 4, end: 7, label: "b" }]);
    expect(without(task("spans"), marked, [4, 5])).toEqual([{ start: 0, end: 3, label: "a" }]);
    expect(without(task("spans"), marked, [8, 9])).toBeUndefined();
    expect(without(task("spans"), marked, null)).toBeNull();
    expect(without(task("label"), row(null), null)).toBeUndefined();
  });
});

describe("words", () => {
  const words: [number, number][] = [[0, 3], [4, 7], [8, 13]];

  it("are stepped over and chosen in either direction", () => {
    expect(step(null, 3, 1, false)).toEqual({ from: 0, to: 0 });
    expect(step(null, 3, -1, false)).toEqual({ from: 2, to: 2 });
    expect(step({ from: 1, to: 1 }, 3, 1, true)).toEqual({ from: 1, to: 2 });
    expect(step({ from: 1, to: 2 }, 3, 1, true)).toEqual({ from: 1, to: 2 });
    expect(step(null, 0, 1, false)).toBeNull();
    expect(rangeOf({ from: 2, to: 1 }, words)).toEqual([4, 13]);
    expect(rangeOf(null, words)).toBeNull();
  });
});
