import { describe, expect, it } from "vitest";
import { FILTERS, type Task } from "../types";
import { kindsOf, fieldsOf, THINGS } from "../entry";
import { preferred, TABLES } from ".";

type Leaf = [path: string, value: unknown];

function leaves(value: unknown, path = ""): Leaf[] {
  if (typeof value !== "object" || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === "" ? key : `${path}.${key}`));
}

describe("tables", () => {
  it("have the same keys, of the same types and numbers of arguments", () => {
    const shape = (value: unknown) => (typeof value === "function" ? `function/${value.length}` : typeof value);
    const keys = (table: unknown) => leaves(table).map(([path, value]) => [path, shape(value)]).sort();
    expect(keys(TABLES.zh)).toEqual(keys(TABLES.en));
  });

  it("say something everywhere, and Chinese is Chinese", () => {
    const same = new Set(["language", "app.otherLabel", "app.other", "editor.yaml"]);
    for (const [path, value] of leaves(TABLES.zh)) {
      if (typeof value !== "string" || same.has(path) || path.startsWith("numbers.metric")) continue;
      expect(value.trim(), path).not.toBe("");
      expect(/\p{Script=Han}/u.test(value), `${path}: ${value}`).toBe(true);
    }
    for (const [path, value] of leaves(TABLES.en)) {
      if (typeof value === "string" && path !== "app.other" && path !== "app.otherLabel") expect(/\p{Script=Han}/u.test(value), path).toBe(false);
    }
  });

  it("have words for every kind, field, choice and filter", () => {
    const base: Omit<Task, "shape"> = { kind: "classification", name: "", description: "", path: "", readout: "label", labels: [], multi_label: false, negative: null };
    for (const shape of ["label", "spans", "passage", "text"] as const) {
      for (const task of [{ ...base, shape }, { ...base, shape, kind: "relation" }]) {
        for (const kind of kindsOf(task)) {
          expect(TABLES.en.kind[kind], kind).toBeDefined();
          expect(TABLES.en.hint[kind], kind).toBeDefined();
          for (const field of fieldsOf(task, kind)) {
            expect(TABLES.en.field[field.path.join(".")], field.path.join(".")).toBeDefined();
            for (const choice of field.choices ?? []) expect(TABLES.en.choice[choice], choice).toBeDefined();
          }
        }
      }
    }
    for (const thing of THINGS) expect(TABLES.en.choice[thing]).toBeDefined();
    for (const filter of FILTERS) expect(TABLES.en.texts.filters[filter]).toBeDefined();
  });
});

describe("preferred", () => {
  it("takes the browser's first language that there is", () => {
    expect(preferred(["fr", "zh-CN", "en"])).toBe("zh");
    expect(preferred(["de", "en-GB"])).toBe("en");
    expect(preferred(["ja"])).toBe("en");
    expect(preferred([])).toBe("en");
  });
});
