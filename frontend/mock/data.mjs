// Made-up tasks for looking at the page: five shapes of answers, with texts in several scripts.

/** A small generator of random numbers, so that every start shows the same. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const pick = (next, items) => items[Math.floor(next() * items.length)];

function reviews() {
  const next = random(7);
  const films = ["The Long Harvest", "Night Ferry", "a small film about beekeepers", "this remake", "the sequel", "her first feature", "《雨中车站》", "Ostinato"];
  const good = ["a tender, funny portrait that never loses faith in its people", "moving without being sentimental", "must see for anyone who has ever waited for a train", "beautifully shot and sharply written", "charming from the first frame to the last 🎬", "one of the finest films of the year", "值得一看，演员都很真诚", "worth watching twice"];
  const bad = ["predictable to the last minute", "a waste of time and talent", "dull, overlong and oddly proud of it", "the jokes are not funny and the plot is missing", "falls flat whenever nobody sings 😴", "tries too hard to be profound", "剧情拖沓，让人失望", "I would rather have walked out"];
  const joins = ["It looks gorgeous, but", "In spite of its flaws", "For two hours", "What begins as a comedy turns out to be", "To my surprise", "As so often"];
  const rows = [];
  for (let index = 0; index < 420; index++) {
    const positive = next() < 0.52;
    const mixed = next() < 0.16;
    const main = pick(next, positive ? good : bad);
    const other = pick(next, positive ? bad : good);
    const film = pick(next, films);
    const text = mixed
      ? `${pick(next, joins)} ${film} is ${other} – and yet ${main}.`
      : `${film[0].toUpperCase()}${film.slice(1)}: ${main}.${next() < 0.3 ? ` ${pick(next, joins)} it is ${pick(next, positive ? good : bad)}.` : ""}`;
    rows.push({ id: `r${String(index + 1).padStart(4, "0")}`, text, truth: positive ? "positive" : "negative", part: index < 36 ? "train" : "unlabeled", gold: index < 36 });
  }
  rows[40].text = `${"A long review. ".repeat(60)}In the end it is charming and worth watching, whatever they say.`;
  rows[41].text = "<script>document.title = 'owned'</script> <img src=x onerror=\"document.title='owned'\"> is dull & “predictable”";
  return rows;
}

function news() {
  const next = random(11);
  const people = ["Ann Roe", "Dr. Li Wei", "María Núñez", "Tom B. Hale", "王小明", "Zoë O'Neill"];
  const firms = ["Kite Foods Ltd", "Acme Energy", "Blue Fjord Systems AG", "Harbor Bank", "Nimbus Media"];
  const towns = ["Lyon", "Port Elara", "New Haven", "上海", "Kraków"];
  const rows = [];
  for (let index = 0; index < 220; index++) {
    const [a, b, c] = [pick(next, people), pick(next, firms), pick(next, towns)];
    const forms = [
      [`${a}, who joined `, b, ` in `, c, `, said that sales had doubled.`],
      [`Shares of `, b, ` fell after ${""}`, a, ` left for `, c, `. 📉`],
      [`According to `, a, `, the `, pick(next, ["Elara Cup", "Fjord Prize", "Harbor Marathon"]), ` begins in `, c, `.`],
    ];
    const form = pick(next, forms);
    let text = "";
    const spans = [];
    for (const part of form) {
      const label = people.some((name) => part.startsWith(name)) ? "PER" : firms.includes(part) ? "ORG" : towns.includes(part) ? "LOC" : /Cup|Prize|Marathon/.test(part) ? "MISC" : null;
      const clean = label === "PER" ? part.replace(/, who joined $/, "") : part;
      const start = [...text].length;
      if (label) spans.push({ start, end: start + [...clean].length, label });
      text += part;
    }
    rows.push({ id: `n${index + 1}`, text, truth: spans, part: index < 30 ? "train" : "unlabeled", gold: index < 30 });
  }
  return rows;
}

function relations() {
  const next = random(13);
  const people = ["Ann Roe", "Li Wei", "María Núñez", "Tom Hale"];
  const firms = ["Kite Foods", "Acme Energy", "Harbor Bank"];
  const towns = ["Lyon", "Port Elara", "上海"];
  const rows = [];
  for (let index = 0; index < 180; index++) {
    const forms = [
      ["works for", pick(next, people), "PERSON", pick(next, firms), "COMPANY", ([s, o]) => `${s} has worked for ${o} since 2011.`],
      ["founded", pick(next, people), "PERSON", pick(next, firms), "COMPANY", ([s, o]) => `${o} was founded by ${s} in a garage 🚲.`],
      ["based in", pick(next, firms), "COMPANY", pick(next, towns), "PLACE", ([s, o]) => `The head office of ${s} stands near the port of ${o}.`],
      ["born in", pick(next, people), "PERSON", pick(next, towns), "PLACE", ([s, o]) => `${s} was born in ${o} and never left.`],
      ["none", pick(next, people), "PERSON", pick(next, firms), "COMPANY", ([s, o]) => `${s} complained about ${o} again.`],
    ];
    const [truth, s, st, o, ot, make] = pick(next, forms);
    const text = make([s, o]);
    const at = (name, type) => {
      const start = [...text.slice(0, text.indexOf(name))].length;
      return { start, end: start + [...name].length, label: type };
    };
    rows.push({ id: `p${index + 1}`, text, entities: [at(s, st), at(o, ot)], truth, part: index < 30 ? "train" : "unlabeled", gold: index < 30 });
  }
  return rows;
}

function questions() {
  const next = random(17);
  const rows = [];
  for (let index = 0; index < 120; index++) {
    const [person, firm, year, count] = [pick(next, ["Ann Roe", "Li Wei", "Zoë O'Neill"]), pick(next, ["Kite Foods", "Harbor Bank"]), 1950 + Math.floor(next() * 70), 100 + Math.floor(next() * 4000)];
    const text = `${firm} was founded by ${person} in ${year}. Today it has ${count.toLocaleString("en")} workers, most of them in Lyon. In 2019 it opened a second site in 上海 🏭.`;
    const [asked, answer] = pick(next, [[`Who founded ${firm}?`, person], [`When was ${firm} founded?`, String(year)], [`How many people work there?`, count.toLocaleString("en")], [`What does ${firm} sell?`, null]]);
    const start = answer === null ? 0 : [...text.slice(0, text.indexOf(answer))].length;
    rows.push({ id: `q${index + 1}`, text, asked, truth: answer === null ? [] : [{ start, end: start + [...answer].length, label: "" }], part: index < 30 ? "train" : "unlabeled", gold: index < 30 });
  }
  return rows;
}

function messages() {
  const next = random(19);
  const parts = [["spoke", "Speiche"], ["inner tube", "Schlauch"], ["brake", "Bremse"], ["chain", "Kette"], ["saddle", "Sattel"]];
  const rows = [];
  for (let index = 0; index < 90; index++) {
    const [english, german] = pick(next, parts);
    const price = 5 + Math.floor(next() * 60);
    const [source, target] = pick(next, [
      [`We have replaced the ${english} for ${price} euros.`, `Wir haben die ${german} für ${price} Euro ersetzt.`],
      [`Is the ${english} in stock?`, `Ist die ${german} vorrätig?`],
      [`Your bike is ready 🚲. The new ${english} costs ${price} euros.`, `Dein Rad ist fertig 🚲. Die neue ${german} kostet ${price + (next() < 0.2 ? 1 : 0)} Euro.`],
    ]);
    const known = index < 50;
    rows.push({ id: `m${index + 1}`, text: source, target: known ? target : null, truth: target, part: known ? "train" : "unlabeled", gold: known });
  }
  return rows;
}

export const TASKS = {
  classification: {
    task: { kind: "classification", name: "movie reviews", description: "Does the review praise the film or advise against it?", path: "/home/ann/films/task.yaml", readout: "label", shape: "label", labels: [{ name: "negative", description: "advises against the film" }, { name: "positive", description: "praises the film" }], multi_label: false, negative: null },
    rows: reviews(),
    rules: [
      "# words that say yes\nname: praise\nkeywords: [funny, moving, charming, a must see, must see, gorgeous, 值得一看]\nvote: positive\ntests:\n  - {text: a must see, expect: positive}\n  - {text: not funny, expect: positive}\n",
      "{name: dismissal, keywords: [dull, predictable, boring, waste of time, 失望], vote: negative}\n",
      "name: negated praise\nregex: '\\b(not|never|n.t) (\\w+ )?(funny|good|moving)\\b'\nignore_case: true\nvote: negative\ntests:\n  - {text: it is not funny, expect: negative}\n  - {text: it is funny, expect: null}\n",
      "{name: see it, regex: '\\bworth (seeing|watching|a look)\\b', ignore_case: true, vote: positive}\n",
      "name: well made\nregex: '\\b(well|beautifully|finely|superbly|sharply) (shot|made|written|acted)\\b'\nignore_case: true\nvote: positive\n",
      "name: too much\nregex: '\\b(too|overly) \\w+'\nignore_case: true\nvote: negative\n",
      "{name: superlative, regex: '\\bone of the (best|finest|greatest)\\b', ignore_case: true, vote: positive}\n",
      "{name: falls flat, regex: '\\b(falls?|fell) (flat|short|apart)\\b', ignore_case: true, vote: negative}\n",
      "{name: no documentary, keywords: [documentary], veto: negative}\n",
      "{name: negation, function: 'rules.py:negation', weight: 2.0}\n",
    ],
  },
  ner: {
    task: { kind: "ner", name: "names in the news", description: "Names in short news items.", path: "/home/ann/news/task.yaml", readout: "tokens", shape: "spans", labels: [{ name: "PER", description: "people" }, { name: "ORG", description: "companies" }, { name: "LOC", description: "towns" }, { name: "MISC", description: "cups, prizes" }], multi_label: false, negative: null },
    rows: news(),
    rules: [
      "{name: known places, keywords: [Lyon, Port Elara, 上海, Kraków], vote: LOC}\n",
      "name: company form\nregex: '\\b(?:[A-Z]\\w+ )+(?:Ltd|AG|Energy|Bank|Media)\\b'\nvote: ORG\n",
      "{name: title, regex: '\\bDr\\. [A-Z]\\w+ [A-Z]\\w+', vote: PER}\n",
      "{name: two names, shape: Xx+ Xx+, vote: PER}\n",
      "{name: event, regex: '\\b[A-Z]\\w+ (?:Cup|Prize|Marathon)\\b', vote: MISC}\n",
      "{name: an event is no person, regex: '\\b[A-Z]\\w+ (?:Cup|Prize|Marathon)\\b', veto: PER}\n",
    ],
  },
  relation: {
    task: { kind: "relation", name: "relations in the news", description: "How two names are related.", path: "/home/ann/relations/task.yaml", readout: "pair", shape: "label", labels: ["works for", "founded", "based in", "born in", "none"].map((name) => ({ name, description: "" })), multi_label: false, negative: "none" },
    rows: relations(),
    rules: [
      "name: types\narguments:\n  works for: {subject: PERSON, object: COMPANY}\n  founded: {subject: PERSON, object: COMPANY}\n",
      "{name: founded by, pattern: [SUBJ founded OBJ, OBJ was founded by SUBJ], vote: founded}\n",
      "{name: has worked for, pattern: 'SUBJ has worked for OBJ', vote: works for}\n",
      "{name: headquarters, keywords: [headquarters, head office], vote: based in}\n",
      "{name: born, regex: '\\bborn\\b', scope: between, vote: born in}\n",
      "{name: in passing, keywords: [complained, met], scope: between, vote: none}\n",
    ],
  },
  qa: {
    task: { kind: "qa", name: "questions about firms", description: "Who, when and how many.", path: "/home/ann/reading/task.yaml", readout: "extract", shape: "passage", labels: [], multi_label: false, negative: null },
    rows: questions(),
    rules: [
      "{name: who, question: '\\bwho\\b', type: person, vote: answer}\n",
      "{name: when, question: '\\b(when|what year)\\b', type: year, vote: answer}\n",
      "{name: how many, question: 'how many', pattern: '(?P<answer>[\\d,]+) workers', vote: answer}\n",
      "{name: same words, sentence: words, vote: answer}\n",
      "{name: a year is no number, question: 'how many', pattern: '\\b(?:19|20)\\d\\d\\b', veto: answer}\n",
    ],
  },
  translation: {
    task: { kind: "translation", name: "messages of a repair shop", description: "translate English to German:", path: "/home/ann/shop/task.yaml", readout: "generate", shape: "text", labels: [], multi_label: false, negative: null },
    rows: messages(),
    rules: [
      "{name: spokes, keywords: [spoke, spokes], require: [Speiche, Speichen]}\n",
      "{name: tubes, keywords: [inner tube, inner tubes], require: [Schlauch, Schläuche]}\n",
      "{name: numbers, copy: numbers}\n",
      "name: formal\nalways: true\nveto: [du, dich, dir, 'dein*']\ntests:\n  - {text: Your bike is ready., answer: Dein Rad ist fertig., expect: false}\n",
      "{name: a sentence, answer: '^[A-ZÄÖÜ].*[.?]$'}\n",
      "{name: terms, glossary: terms.tsv}\n",
    ],
  },
};
