import { describe, expect, it } from "vitest";
import { Places, trimmed, words } from "./offsets";

const TEXTS = ["", "plain", "中奖了", "a😀b", "😀😀", "cafe\u0301 🇫🇷 x", "👩‍👩‍👧 family", "\ud800 alone", "𝒳y\n𝒵"];

describe("Places", () => {
  it.each(TEXTS)("agrees with code points of %j", (text) => {
    const places = new Places(text);
    const points = [...text];
    expect(places.length).toBe(points.length);
    for (let start = 0; start <= points.length; start++) {
      expect(places.toUnits(start)).toBe(points.slice(0, start).join("").length);
      expect(places.toPoints(places.toUnits(start))).toBe(start);
      expect(places.slice(start, points.length)).toBe(points.slice(start).join(""));
    }
  });

  it("holds what lies outside the text", () => {
    const places = new Places("a😀");
    expect([places.toUnits(-3), places.toUnits(99), places.toPoints(-1), places.toPoints(99)]).toEqual([0, 3, 0, 2]);
  });

  it("takes the middle of a pair for its beginning", () => {
    expect(new Places("a😀b").toPoints(2)).toBe(1);
  });
});

describe("words", () => {
  it("steps over words of every script, in code points", () => {
    expect(words("a 😀 bc", "en")).toEqual([[0, 1], [2, 3], [4, 6]]);
    const chinese = words("恭喜您中奖了", "zh");
    expect(chinese[0]?.[0]).toBe(0);
    expect(chinese.at(-1)?.[1]).toBe(6);
    expect(chinese.length).toBeGreaterThan(1);
  });

  it("keeps combining marks with their letters", () => {
    expect(words("cafe\u0301 x", "en")).toEqual([[0, 5], [6, 7]]);
  });
});

describe("trimmed", () => {
  it("drops white space at the ends", () => {
    expect(trimmed("😀  ab  c", 1, 7)).toEqual([3, 5]);
    expect(trimmed("  ", 0, 2)).toBeNull();
  });
});
