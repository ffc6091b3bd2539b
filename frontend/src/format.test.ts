import { describe, expect, it } from "vitest";
import { count, percent, points, short } from "./format";

describe("numbers", () => {
  it("does not make something look like nothing or everything", () => {
    expect([0, 0.0004, 0.045, 0.9996, 1].map((share) => percent(share))).toEqual(["0%", "<0.1%", "4.5%", ">99.9%", "100%"]);
    expect([0.994, 0.9998, null, undefined, NaN].map((share) => percent(share, 0))).toEqual(["99%", "100%", "–", "–", "–"]);
  });

  it("says differences in points", () => {
    expect([0.05, -0.012, 0.0001, -0.0001].map(points)).toEqual(["+5.0", "−1.2", "±0", "±0"]);
    expect(count(3016)).toBe("3,016");
  });

  it("shortens by characters, not by halves of them", () => {
    expect(short("a\n b", 40)).toBe("a b");
    expect(short("😀😀😀", 2)).toBe("😀…");
  });
});
