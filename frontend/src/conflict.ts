/** Two versions of a text side by side. */

/** A line of each side; null where a side has no line there. */
export interface Pair {
  mine: string | null;
  theirs: string | null;
  same: boolean;
}

/** Lines that both have stand beside each other (longest common subsequence). Texts of an entry are short. */
export function sideBySide(mine: string, theirs: string): Pair[] {
  const left = lines(mine);
  const right = lines(theirs);
  const common = table(left, right);
  const pairs: Pair[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    const [a, b] = [left[i] ?? null, right[j] ?? null];
    if (a !== null && a === b) {
      pairs.push({ mine: a, theirs: b, same: true });
      i++, j++;
    } else if (b === null || (a !== null && at(common, i + 1, j) >= at(common, i, j + 1))) {
      pairs.push({ mine: a, theirs: null, same: false });
      i++;
    } else {
      pairs.push({ mine: null, theirs: b, same: false });
      j++;
    }
  }
  return joined(pairs);
}

function lines(text: string): string[] {
  const trimmed = text.replace(/\n+$/, "");
  return trimmed === "" ? [] : trimmed.split("\n");
}

const at = (rows: Uint16Array[], i: number, j: number): number => rows[i]?.[j] ?? 0;

function table(left: string[], right: string[]): Uint16Array[] {
  const rows = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i--) {
    const row = rows[i];
    for (let j = right.length - 1; row && j >= 0; j--) {
      row[j] = left[i] === right[j] ? at(rows, i + 1, j + 1) + 1 : Math.max(at(rows, i + 1, j), at(rows, i, j + 1));
    }
  }
  return rows;
}

/** Lines that only one side has, beside those that only the other has. */
function joined(pairs: Pair[]): Pair[] {
  const result: Pair[] = [];
  for (let start = 0; start < pairs.length; ) {
    const first = pairs[start];
    if (!first || first.same) {
      if (first) result.push(first);
      start++;
      continue;
    }
    let end = start;
    while (end < pairs.length && pairs[end]?.same === false) end++;
    const run = pairs.slice(start, end);
    const mine = run.flatMap((pair) => (pair.mine === null ? [] : [pair.mine]));
    const theirs = run.flatMap((pair) => (pair.theirs === null ? [] : [pair.theirs]));
    for (let index = 0; index < Math.max(mine.length, theirs.length); index++) {
      result.push({ mine: mine[index] ?? null, theirs: theirs[index] ?? null, same: false });
    }
    start = end;
  }
  return result;
}
