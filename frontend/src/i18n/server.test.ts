import { describe, expect, it } from "vitest";
import { inChinese } from "./server";
import { TABLES } from ".";

describe("inChinese", () => {
  it("knows sentences by their form, and keeps what they name", () => {
    expect(inChinese("add the rule 'late delivery'")).toBe("添加规则“late delivery”");
    expect(inChinese("12 of 3000 unlabelled texts were looked at, drawn at random.")).toBe("看了 3000 条无标签文本中随机抽取的 12 条。");
    expect(inChinese("unknown label 'spma'")).toBe("没有标签“spma”");
  });

  it("says the parts of a sentence, too", () => {
    expect(inChinese("learning curve, 8 labels, draw 1: scoring test")).toBe("学习曲线，8 个标签，第 1 次抽取：测试集评分");
    expect(inChinese("rules + labels: weak")).toBe("规则 + 标签：弱标签阶段");
    expect(inChinese("the file on disk is broken: 'vote' must be text")).toBe("磁盘上的文件有错：“vote”必须是文本");
  });

  it("leaves alone what it does not know", () => {
    expect(inChinese("line 3: $1 and so on")).toBe("line 3: $1 and so on");
    expect(inChinese("")).toBe("");
  });

  it("takes what is named for no pattern", () => {
    expect(inChinese("add the rule '$1* $2'")).toBe("添加规则“$1* $2”");
  });

  it("is what the Chinese page uses, and the English one does not", () => {
    expect(TABLES.zh.server("Every text has an answer.")).toMatch(/\p{Script=Han}/u);
    expect(TABLES.en.server("Every text has an answer.")).toBe("Every text has an answer.");
  });
});
