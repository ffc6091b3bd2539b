import { describe, expect, it } from "vitest";
import { alternatives, fieldsOf, fresh, kindOf, kindsOf, parse, saysOf, shown, withKind, withSays, write, yamlOf } from "./entry";
import type { Task } from "./types";

const task = (shape: Task["shape"], kind = "classification"): Task => ({
  kind, name: "", description: "", path: "task.yaml", readout: "label", shape, multi_label: false, negative: null,
  labels: [{ name: "spam", description: "" }, { name: "1", description: "" }],
});

describe("write", () => {
  it("keeps comments, order and keys that it does not know", () => {
    const written = "# why\nname: free # a name\nregex: '\\bfree\\b'\nunless: {keywords: [free time]}\nvote: spam\n";
    const changed = write(written, ["regex"], "\\bfree\\s");
    expect(changed).toBe(written.replace("\\bfree\\b", "\\bfree\\s"));
    expect(write(changed, ["ignore_case"], true)).toContain("ignore_case: true");
  });

  it("keeps the comments of a list and of its items", () => {
    const written = "keywords: # the usual\n  - prize # 1\n  - win # 2\nvote: spam # so\n";
    expect(write(written, ["keywords"], ["win", "cash"])).toBe("keywords:\n  # the usual\n  - win # 2\n  - cash\nvote: spam # so\n");
    expect(write("keywords: [a] # why\n", ["keywords"], ["a", "b"])).toBe("keywords: [a, b] # why\n");
    expect(write("require: a # why\n", ["require"], ["a", "b"])).toBe("require: [a, b] # why\n");
    expect(write("regex: a # why\n", ["regex"], "b")).toBe("regex: 'b' # why\n");
    expect(write("tests:\n  - {text: a}\n", ["tests"], [{ text: "a" }, { text: "b", expect: false }])).toContain("expect: false");
  });

  it("writes a long list one item a line", () => {
    const long = Array.from({ length: 20 }, (_, index) => `keyword ${index}`);
    expect(write("keywords: [a]\n", ["keywords"], long).split("\n")).toHaveLength(22);
    expect(write("{keywords: [a]}\n", ["keywords"], long).split("\n")).toHaveLength(2);
  });

  it("keeps a flow mapping a flow mapping", () => {
    expect(write("{name: a, keywords: [b], vote: spam}", ["keywords"], ["c", "d: e"])).toBe("{name: a, keywords: [c, 'd: e'], vote: spam}\n");
  });

  it("quotes labels that YAML would take for numbers", () => {
    expect(parse(write("", ["vote"], "1")).entry).toEqual({ vote: "1" });
  });

  it("takes an empty mapping above away", () => {
    const typed = write(write("", ["types", "subject"], "PERSON"), ["types", "object"], "TOWN");
    expect(parse(typed).entry).toEqual({ types: { subject: "PERSON", object: "TOWN" } });
    expect(parse(write(write(typed, ["types", "subject"], undefined), ["types", "object"], undefined)).entry).toEqual({});
  });

  it("leaves text that is no YAML alone", () => {
    expect(write("{name: [", ["vote"], "a")).toBe("{name: [");
    expect(parse("{name: [").entry).toBeNull();
    expect(parse("- a").error).toBe("mapping");
    expect(parse("").entry).toEqual({});
  });

  it.each(["\\b(?i)x", "it's", "a # b", "{", "中奖", "😀", "a: b", "- x", "", "\t", "line\nfeed", "null", "~", "yes"])(
    "carries %j through YAML", (value) => {
      for (const key of ["regex", "name"] as const) expect(parse(write("a: 1\n", [key], value)).entry).toEqual({ a: 1, [key]: value });
      expect(parse(write("{a: 1}", ["keywords"], [value])).entry).toEqual({ a: 1, keywords: [value] });
    },
  );
});

describe("forms", () => {
  it.each(["label", "spans", "passage", "text"] as const)("offers only kinds that it can show for %s", (shape) => {
    for (const kind of kindsOf(task(shape))) {
      expect(fieldsOf(task(shape), kind).length).toBeGreaterThan(0);
      const entry = parse(withKind("name: x\n", task(shape), null, kind)).entry ?? {};
      expect(kindOf(entry)).toBe(kind);
    }
  });

  it("turns words into an expression, and back without it", () => {
    const words = fresh(task("label"), ["c++", "free"], "spam");
    const expression = withKind(words, task("label"), "keywords", "regex");
    expect(parse(expression).entry).toEqual({ name: "c++", regex: "\\b(c\\+\\+|free)\\b", vote: "spam" });
    expect(parse(withKind(expression, task("label"), "regex", "length")).entry).toEqual({ name: "c++", length: "words", vote: "spam" });
  });

  it("changes what a rule says", () => {
    const vetoed = withSays("keywords: [a]\nvote: spam\n", task("label"), "veto");
    expect(saysOf(parse(vetoed).entry ?? {})).toBe("veto");
    expect(parse(withSays(vetoed, task("label"), "nothing")).entry).toEqual({ keywords: ["a"] });
    expect(parse(withSays("", task("passage", "qa"), "vote")).entry).toEqual({ vote: "answer" });
  });

  it("knows what it cannot show", () => {
    const [terms] = fieldsOf(task("label"), "trigger");
    expect(terms && shown(terms, { regex: "x" })).toBe(false);
    expect(terms && shown(terms, ["x"])).toBe(true);
    expect(kindOf({ all: [], vote: "a" })).toBeNull();
    expect(kindOf({ copy: "pattern", pattern: "x" })).toBe("copy");
  });

  it("writes values as YAML", () => {
    const entry = { name: "a", all: [{ types: { subject: "P" } }, "b"], vote: "x", weight: 2.5 };
    expect(parse(yamlOf(entry)).entry).toEqual(entry);
    expect(alternatives([])).toBe("");
  });
});
