/** The server's routes as functions. Every failure is a `Refusal`, or `Gone` where there is no server. */

import type {
  Answer, Next, Numbers, Page, Problem, Query, Row, State, Suggestions, Training, Trial,
} from "./types";

/** The server understood and refused: what is wrong, and for a 409 what stands there now. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly problems: Problem[],
    readonly current: unknown,
  ) {
    super(problems.map((problem) => problem.message).join("\n") || `HTTP ${status}`);
  }
}

/** There is no server to speak to. */
export class Gone extends Error {}

/** A draft of an entry, as YAML; `position` is the entry that it would replace. */
export interface Draft {
  written: string;
  position: number | null;
}

const base = new URL("./", document.baseURI);

const NOT_READY = 503;
const PATIENCE = 300;

/** Asks until there is an answer: at the beginning the server is still reading the texts. */
async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await once<T>(method, path, body, signal);
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== NOT_READY || tries > PATIENCE) throw error;
      await pause(Math.min(2000, 250 * (tries + 1)), signal);
    }
  }
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((done, stopped) => {
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), stopped(signal.reason)), { once: true });
  });
}

async function once<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(new URL(path, base), {
      method,
      headers: {
        Accept: "application/json",
        ...(method === "GET" ? {} : { "Content-Type": "application/json", "X-Ruletune": "1" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
      cache: "no-store",
      credentials: "same-origin",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Gone(String(error));
  }
  const reply: unknown = await response.json().catch(() => null);
  if (response.ok) return reply as T;
  throw refusal(response.status, reply);
}

/** A refusal from whatever came back: FastAPI's own errors have another form than ours. */
export function refusal(status: number, reply: unknown): Refusal {
  const fields = typeof reply === "object" && reply !== null ? (reply as Record<string, unknown>) : {};
  const problems = Array.isArray(fields["problems"]) ? (fields["problems"] as Problem[]) : [];
  const said = problems.length ? problems : [{ message: detail(fields["detail"], status), file: null, line: null, remedy: null }];
  return new Refusal(status, said, fields["current"] ?? null);
}

function detail(value: unknown, status: number): string {
  if (typeof value === "string") return value;
  return value === undefined ? `HTTP ${status}` : JSON.stringify(value);
}

function search(parameters: Record<string, string | number>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== "");
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

export const api = {
  state: () => call<State>("GET", "api/state"),
  numbers: () => call<Numbers>("GET", "api/numbers"),
  add: (written: string, position?: number) =>
    call<State>("POST", "api/rules", position === undefined ? { written } : { written, position }),
  addEntry: (entry: Record<string, unknown>) => call<State>("POST", "api/rules", { entry }),
  replace: (position: number, hash: string, written: string) =>
    call<State>("PUT", `api/rules/${position}`, { hash, written }),
  replaceEntry: (position: number, hash: string, entry: Record<string, unknown>) =>
    call<State>("PUT", `api/rules/${position}`, { hash, entry }),
  mute: (position: number, hash: string, muted: boolean) =>
    call<State>("PATCH", `api/rules/${position}`, { hash, muted }),
  move: (position: number, hash: string, to: number) => call<State>("PATCH", `api/rules/${position}`, { hash, to }),
  remove: (position: number, hash: string) => call<State>("DELETE", `api/rules/${position}`, { hash }),
  undo: (revision: string) => call<State>("POST", "api/undo", { revision }),
  redo: (revision: string) => call<State>("POST", "api/redo", { revision }),
  label: (id: string, was: Answer | null, answer: Answer | null) =>
    call<State & { row: Row }>("POST", "api/labels", { id, was, answer }),
  trial: (draft: Draft, signal: AbortSignal) => call<Trial>("POST", "api/trial", draft, signal),
  tryEntry: (entry: Record<string, unknown>, position: number | null, signal: AbortSignal) =>
    call<Trial>("POST", "api/trial", { entry, position }, signal),
  texts: (query: Query, signal: AbortSignal) =>
    call<Page>("GET", `api/texts?${search({ ...query })}`, undefined, signal),
  text: (id: string) => call<Row>("GET", `api/texts/${encodeURIComponent(id)}`),
  next: (count: number, signal: AbortSignal) => call<Next>("GET", `api/next?count=${count}`, undefined, signal),
  suggestions: (rule: string, signal: AbortSignal) =>
    call<Suggestions>("GET", `api/suggestions?${search({ rule })}`, undefined, signal),
  refuse: (title: string) => call<object>("POST", "api/suggestions/refuse", { title }),
  train: () => call<Training>("POST", "api/train", {}),
  stop: () => call<Training>("DELETE", "api/train"),
  events: () => new URL("api/events", base),
};
