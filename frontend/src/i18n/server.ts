/**
 * What the server says in English, in Chinese: undo steps, reasons, notes, the progress of training, and what is most often wrong.
 *
 * Sentences are known by their form. `$1` is a part as it stands, `$1*` a part that is a sentence itself. What is not known stays English.
 */

type Form = readonly [english: RegExp, chinese: string];

const FORMS: readonly Form[] = [
  // what can be undone
  [/^add the rule '(.+)'$/, "添加规则“$1”"],
  [/^change the rule '(.+)'$/, "修改规则“$1”"],
  [/^mute the rule '(.+)'$/, "静音规则“$1”"],
  [/^unmute the rule '(.+)'$/, "恢复规则“$1”"],
  [/^move the rule '(.+)'$/, "移动规则“$1”"],
  [/^delete the rule '(.+)'$/, "删除规则“$1”"],
  [/^label ['"](.+)['"]$/s, "标注“$1”"],
  [/^take away the label of ['"](.+)['"]$/s, "去掉“$1”的标注"],
  // what to label next
  [/^The model is still reading the texts: what to label next is chosen among those that it has read\.$/, "模型还在读文本：下一条从已经读过的文本中选。"],
  [/^Every text has an answer\.$/, "每条文本都有答案了。"],
  [/^Texts of whose answer no rule demands anything come first\.$/, "先给出没有规则提出要求的文本。"],
  [/^Unlike each other and what has a label; those that no rule covers first\.$/, "彼此不同、也与已标注的不同；规则没有覆盖的在前。"],
  [/^Unlike each other and what has a label; those that a quick model is unsure of first\.$/, "彼此不同、也与已标注的不同；快速模型没把握的在前。"],
  // rules that are suggested
  [/^votes for ([^'].*)$/, "投票给 $1"],
  [/^add '(.+)', (.+)$/, "加上“$1”，$2*"],
  [/^(an inflection|found in contexts alike|as telling)$/, "$1~"],
  [/^allow a plural of '(.+)'$/, "允许“$1”的复数"],
  [/^except where '(.+)' occurs$/, "出现“$1”时除外"],
  [/^Rules are suggested where the answer is a label\.$/, "只有答案是标签的任务才有规则建议。"],
  [/^The texts are being read by the model first\.$/, "模型正在先读文本。"],
  [/^(\d+) of (\d+) unlabelled texts were looked at, drawn at random\.$/, "看了 $2 条无标签文本中随机抽取的 $1 条。"],
  [/^There are no unlabelled texts: precision and coverage are those on the labelled ones\.$/, "没有无标签文本：正确率和覆盖率是在有标签文本上算的。"],
  [/^No gold label is (.+): no rules can be suggested for it\.$/, "没有一条标注是 $1：无法为它建议规则。"],
  [/^(?:.*: )?no text of the training part has a label\b.*$/s, "训练部分没有一条文本有标签；先标注几条。"],
  [/^(?:.*: )?every gold label is '(.+?)'.*$/s, "所有标注都是“$1”；也标注几条别的。"],
  // training
  [/^Trained\. The report says what the rules were worth\.$/, "训练完成。报告里写着规则值多少。"],
  [/^Stopped\. Nothing is lost: training goes on from here if the task and the data stay as they are\.$/, "已停止。什么都没丢：任务和数据不变时，训练从这里继续。"],
  [/^the process ended with (-?\d+)$/, "进程以 $1 结束"],
  [/^(rules \+ labels|rules alone|labels alone)$/, "$1~"],
  [/^learning curve, (\d+) labels, draw (\d+)$/, "学习曲线，$1 个标签，第 $2 次抽取"],
  [/^(.+): (weak|gold|contrast|self-training|scoring \w+)$/, "$1*：$2~"],
  [/^(reading data|applying rules|embedding texts|tokenizing|writing the report|predicting|writing|stopping|zero-shot)$/, "$1~"],
  [/^The rules and the gold labels agree no more than chance would have it \(kappa (-?[\d.]+)\): the rules were left out\.$/, "规则与金标签的一致程度不比随机好（kappa $1）：没有使用规则。"],
  [/^On held-out gold labels, labels alone did better than rules \+ labels by (-?[\d.]+) ± ([\d.]+) points: the rules were left out\.$/, "在留出的金标签上，仅标签比规则 + 标签高 $1 ± $2 个百分点：没有使用规则。"],
  [/^On held-out gold labels, rules \+ labels against labels alone: ([+-][\d.]+) ± ([\d.]+) points\. Nothing speaks against the rules: they were used\.$/, "在留出的金标签上，规则 + 标签相对仅标签：$1 ± $2 个百分点。没有理由不用规则：使用了规则。"],
  [/^it runs Python code: change it in the file$/, "它运行 Python 代码：请在文件里改"],
  [/^votes for '(.+)'$/, "投票给“$1”"],
  [/^vetoes '(.+)'$/, "否决“$1”"],
  [/^says nothing$/, "什么也不说"],
  [/^not run: the rule is muted$/, "没有运行：规则已静音"],
  [/^not run here: it calls a function$/, "这里不运行：它调用函数"],
  [/^not run yet: it needs the model$/, "还没有运行：它需要模型"],
  [/^worked for more than ([\d.]+) s on one text of (\d+) characters: its expression backtracks without end$/, "在一条 $2 个字符的文本上超过 $1 秒：它的表达式不停地回溯"],
  [/^(.+), cross-validated$/, "$1*，交叉验证"],
  // what is most often wrong with a rule
  [/^unknown label '(.+)'$/, "没有标签“$1”"],
  [/^unknown key '(.+)'$/, "没有键“$1”"],
  [/^the key '(.+)' is missing(?: from the rule)?$/, "缺少键“$1”"],
  [/^'(.+)' must not be empty$/, "“$1”不能为空"],
  [/^'(.+)' must be text$/, "“$1”必须是文本"],
  [/^'(.+)' must be a list$/, "“$1”必须是列表"],
  [/^'(.+)' must be a whole number$/, "“$1”必须是整数"],
  [/^'(.+)' must be a number$/, "“$1”必须是数"],
  [/^'(.+)' must be true or false$/, "“$1”必须是 true 或 false"],
  [/^'(.+)' cannot be '(.+)'$/, "“$1”不能是“$2”"],
  [/^did you mean '(.+)'\?$/, "是不是“$1”？"],
  [/^choose one of (.+)$/, "可选：$1"],
  [/^put quotes around it$/, "给它加上引号"],
  [/^this expression might work without end: (.+)$/, "这个表达式可能没有尽头：$1"],
  [/^write it without repetitions inside repetitions$/, "不要在重复里面再写重复"],
  [/^another rule or a test refers to '(.+)', which is called so by its place in the list$/, "另一条规则或测试引用了“$1”，它按在列表中的位置这样称呼"],
  [/^give it a name first$/, "先给它起个名字"],
  [/^an answer to this task is (.+)$/, "这个任务的答案是 $1"],
  [/^a newer draft is being tried$/, "正在试更新的草稿"],
  [/^the texts are still being read$/, "文本还在读取"],
  // what came in between
  [/^something was changed since$/, "之后有过改动"],
  [/^there is nothing to do$/, "没有可做的"],
  [/^the text was labelled otherwise meanwhile$/, "这条文本在此期间被标成了别的"],
  [/^the rule was changed meanwhile$/, "规则在此期间被改动了"],
  [/^the rule is there no more$/, "规则已经不在了"],
  [/^the file was changed meanwhile$/, "文件在此期间被改动了"],
  [/^look at what is there now$/, "请看现在的内容"],
  [/^the file on disk is broken: (.+)$/s, "磁盘上的文件有错：$1*"],
  [/^mend it first; what you changed here is not lost$/, "请先改正它；你在这里的改动没有丢"],
  [/^training is going on already$/, "训练已经在进行"],
  [/^wait for it, or stop it$/, "等它结束，或停止它"],
  [/^save the file as UTF-8$/, "把文件存为 UTF-8"],
  [/^not UTF-8$/, "不是 UTF-8"],
];

/** Words that stand in several forms. */
const WORDS: Readonly<Record<string, string>> = {
  "an inflection": "词形变化", "found in contexts alike": "出现在相似的上下文里", "as telling": "同样能说明问题",
  "rules + labels": "规则 + 标签", "rules alone": "仅规则", "labels alone": "仅标签", "zero-shot": "零样本",
  weak: "弱标签阶段", gold: "金标签阶段", contrast: "对比阶段", "self-training": "自训练",
  "scoring test": "测试集评分", "scoring validation": "验证集评分", "scoring calibration": "校准集评分", "scoring unlabeled": "无标签文本评分",
  "reading data": "读取数据", "applying rules": "应用规则", "embedding texts": "计算文本向量", tokenizing: "分词", "writing the report": "写报告",
  predicting: "预测", writing: "生成", stopping: "正在停止",
};

/** A sentence of the server's in Chinese, or as it is where nobody has said it in Chinese. */
export function inChinese(sentence: string): string {
  for (const [english, chinese] of FORMS) {
    const found = english.exec(sentence);
    if (found) {
      return chinese.replace(/\$(\d)([*~]?)/g, (_, place: string, how: string) => {
        const part = found[Number(place)] ?? "";
        return how === "*" ? inChinese(part) : how === "~" ? (WORDS[part] ?? part) : part;
      });
    }
  }
  return sentence;
}
