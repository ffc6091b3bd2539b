import { describe, expect, it } from "vitest";
import { isSpans, pieces, withSpan, withoutSpans, type Mark } from "./spans";

const mark = (start: number, end: number, label = "a"): Mark => ({ start, end, kind: "fires", label, rule: null });

describe("pieces", () => {
  it("puts the text together again, whatever overlaps", () => {
    const text = "a😀 中 long text";
    const cut = pieces(text, [mark(0, 4), mark(1, 2), mark(3, 99), mark(5, 5), mark(-2, 1)]);
    expect(cut.map((piece) => piece.text).join("")).toBe(text);
    expect(cut.find((piece) => piece.text === "😀")?.marks.length).toBe(2);
  });

  it("says where a mark ends, once", () => {
    const cut = pieces("abcdef", [mark(0, 6, "outer"), mark(2, 4, "inner")]);
    expect(cut.map((piece) => piece.ends.map((end) => end.label))).toEqual([[], ["inner"], ["outer"]]);
  });

  it("has nothing to show of an empty text", () => {
    expect(pieces("", [mark(0, 3)])).toEqual([]);
  });
});

describe("spans", () => {
  it("replaces what it overlaps", () => {
    const spans = [{ start: 0, end: 3, label: "a" }, { start: 5, end: 8, label: "b" }];
    expect(withSpan(spans, { start: 2, end: 6, label: "c" })).toEqual([{ start: 2, end: 6, label: "c" }]);
    expect(withSpan(spans, { start: 3, end: 5, label: "c" })).toHaveLength(3);
  });

  it("takes the same span away again", () => {
    const spans = [{ start: 0, end: 3, label: "a" }];
    expect(withSpan(spans, { start: 0, end: 3, label: "a" })).toEqual([]);
    expect(withSpan(spans, { start: 0, end: 3, label: "b" })).toEqual([{ start: 0, end: 3, label: "b" }]);
    expect(withoutSpans(spans, 3, 4)).toEqual(spans);
  });

  it("tells spans from labels", () => {
    expect([isSpans([]), isSpans(["a"]), isSpans("a"), isSpans([{ start: 0, end: 1, label: "" }])]).toEqual([true, false, false, true]);
  });
});
