/** What was typed and not saved, kept in the browser so that a reload or a crash loses nothing. */

export interface SavedDraft {
  /** Hash of the entry it began with; a new rule has a key of its own, see `newKey`. */
  hash: string;
  name: string;
  written: string;
  /** The entry's text when it was begun. */
  base: string;
  changed: number;
}

const most = 50;
const NEW = "new:";

/** What stands in the place of a hash for a rule that is not in the file yet. */
export const newKey = (): string => `${NEW}${Date.now()}`;
export const isNew = (hash: string): boolean => hash.startsWith(NEW);

/** Drafts of one task file. Storage that is full or forbidden is no error: the page still works. */
export class Drafts {
  private known: { text: string | null; drafts: SavedDraft[] } = { text: null, drafts: [] };

  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null,
    private readonly path: string,
  ) {}

  private key(kind: string): string {
    return `ruletune.workbench.${kind}:${this.path}`;
  }

  all(): SavedDraft[] {
    const text = this.text("drafts");
    if (text !== this.known.text) {
      const value = json(text);
      this.known = { text, drafts: Array.isArray(value) ? value.filter(isDraft) : [] };
    }
    return this.known.drafts;
  }

  find(hash: string): SavedDraft | null {
    return this.all().find((draft) => draft.hash === hash) ?? null;
  }

  keep(draft: SavedDraft): void {
    const rest = this.all().filter((other) => other.hash !== draft.hash);
    this.write("drafts", [draft, ...rest].slice(0, most));
  }

  drop(hash: string): void {
    this.write("drafts", this.all().filter((draft) => draft.hash !== hash));
  }

  /** Answers that are texts, by the text's id. */
  answer(id: string): string | null {
    const value = json(this.text("answers"));
    const found = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[id] : undefined;
    return typeof found === "string" ? found : null;
  }

  keepAnswer(id: string, text: string | null): void {
    const value = json(this.text("answers"));
    const rest = Object.entries(typeof value === "object" && value !== null ? value : {}).filter(([other]) => other !== id);
    this.write("answers", Object.fromEntries(text === null ? rest : [[id, text], ...rest].slice(0, most)));
  }

  private text(kind: string): string | null {
    try {
      return this.storage?.getItem(this.key(kind)) ?? null;
    } catch {
      return null;
    }
  }

  private write(kind: string, value: unknown): void {
    try {
      this.storage?.setItem(this.key(kind), JSON.stringify(value));
    } catch {
      // Full, or forbidden by the browser: the draft lives as long as the page.
    }
  }
}

function json(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}

function isDraft(value: unknown): value is SavedDraft {
  const draft = value as Partial<SavedDraft> | null;
  return typeof draft === "object" && draft !== null && typeof draft.hash === "string" && typeof draft.written === "string"
    && typeof draft.name === "string" && typeof draft.base === "string";
}

/** The browser's storage, or nothing where it is forbidden. */
export function storage(): Storage | null {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}
