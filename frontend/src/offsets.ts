/**
 * Places in a text. The server counts code points, a browser's strings count UTF-16 units: an emoji is one of the first and
 * two of the second. Nothing else in the page converts between them.
 */

/** Both ways for one text; costs nothing where the text has no character outside the basic plane. */
export class Places {
  private readonly starts: Uint32Array | null;

  constructor(readonly text: string) {
    this.starts = /[\ud800-\udbff][\udc00-\udfff]/.test(text) ? starts(text) : null;
  }

  /** Number of code points. */
  get length(): number {
    return this.starts === null ? this.text.length : this.starts.length - 1;
  }

  /** Code points to UTF-16 units; what lies outside the text is moved to its edge. */
  toUnits(point: number): number {
    const within = Math.min(Math.max(0, Math.trunc(point)), this.length);
    return this.starts === null ? within : (this.starts[within] ?? this.text.length);
  }

  /** UTF-16 units to code points; a place inside a surrogate pair counts as the pair's beginning. */
  toPoints(unit: number): number {
    const within = Math.min(Math.max(0, Math.trunc(unit)), this.text.length);
    if (this.starts === null) return within;
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= within) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The text between two code points. */
  slice(start: number, end: number): string {
    return this.text.slice(this.toUnits(start), this.toUnits(end));
  }
}

function starts(text: string): Uint32Array {
  const found: number[] = [];
  for (let unit = 0; unit < text.length; ) {
    found.push(unit);
    unit += (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1;
  }
  found.push(text.length);
  return Uint32Array.from(found);
}

/** Words of a text as half-open ranges of code points: what arrow keys step over. */
export function words(text: string, locale: string): [number, number][] {
  const places = new Places(text);
  return segments(text, locale).map(([start, end]) => [places.toPoints(start), places.toPoints(end)]);
}

function segments(text: string, locale: string): [number, number][] {
  if (typeof Intl.Segmenter !== "function") {
    return [...text.matchAll(/[\p{L}\p{N}\p{M}_]+|[^\s]/gu)].map((match) => [match.index, match.index + match[0].length]);
  }
  const segmenter = new Intl.Segmenter(locale, { granularity: "word" });
  return [...segmenter.segment(text)]
    .filter((piece) => piece.segment.trim() !== "")
    .map((piece) => [piece.index, piece.index + piece.segment.length]);
}

/** A range without the white space at its ends; null where nothing is left. */
export function trimmed(text: string, start: number, end: number): [number, number] | null {
  const places = new Places(text);
  const chosen = places.slice(start, end);
  const from = start + new Places(chosen.slice(0, chosen.length - chosen.trimStart().length)).length;
  const to = from + new Places(chosen.trim()).length;
  return to > from ? [from, to] : null;
}

/**
 * The characters of `root`'s text that the user has selected, in code points; null where nothing in it is. Only text nodes
 * outside elements with `data-aside` count, so that chips and notes between the words are no part of the text.
 */
export function selected(root: HTMLElement, text: string): [number, number] | null {
  const selection = root.ownerDocument.getSelection();
  if (!selection || selection.isCollapsed || selection.rangeCount === 0) return null;
  const range = selection.getRangeAt(0);
  if (!root.contains(range.startContainer) || !root.contains(range.endContainer)) return null;
  const places = new Places(text);
  const start = unitsBefore(root, range.startContainer, range.startOffset);
  const end = unitsBefore(root, range.endContainer, range.endOffset);
  return trimmed(text, places.toPoints(start), places.toPoints(end));
}

function unitsBefore(root: HTMLElement, container: Node, offset: number): number {
  const walker = root.ownerDocument.createTreeWalker(root, NodeFilter.SHOW_TEXT, {
    acceptNode: (node) => (node.parentElement?.closest("[data-aside]") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT),
  });
  const end = root.ownerDocument.createRange();
  end.setStart(container, offset);
  let units = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node === container) return units + offset;
    if (end.comparePoint(node, 0) > 0) break;
    units += node.textContent?.length ?? 0;
  }
  return units;
}
