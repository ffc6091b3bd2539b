import { describe, expect, it } from "vitest";
import { sideBySide } from "./conflict";

describe("sideBySide", () => {
  it("has nothing for two empty texts", () => {
    expect(sideBySide("", "\n")).toEqual([]);
  });

  it("puts common lines beside each other, and changes too", () => {
    expect(sideBySide("name: a\nregex: x\nvote: b\n", "name: a\nregex: y\nweight: 2\nvote: b")).toEqual([
      { mine: "name: a", theirs: "name: a", same: true },
      { mine: "regex: x", theirs: "regex: y", same: false },
      { mine: null, theirs: "weight: 2", same: false },
      { mine: "vote: b", theirs: "vote: b", same: true },
    ]);
  });

  it("keeps all lines of both sides, in order", () => {
    const mine = "a\nb\nc\nd\ne";
    const theirs = "x\nb\nd\nc\nf\ng";
    const pairs = sideBySide(mine, theirs);
    expect(pairs.flatMap((pair) => pair.mine ?? []).join("\n")).toBe(mine);
    expect(pairs.flatMap((pair) => pair.theirs ?? []).join("\n")).toBe(theirs);
    expect(pairs.every((pair) => pair.same === (pair.mine === pair.theirs))).toBe(true);
  });

  it("shows a side that is gone", () => {
    expect(sideBySide("a", "")).toEqual([{ mine: "a", theirs: null, same: false }]);
  });
});
