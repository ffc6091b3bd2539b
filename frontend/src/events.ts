/** What the server tells unasked, and what other tabs of this page tell. */

import { api } from "./api";
import type { Training } from "./types";

export interface Heard {
  state(revision: string): void;
  numbers(): void;
  training(training: Training): void;
  ready(embedded: number): void;
  online(online: boolean): void;
}

const LONGEST_WAIT = 8000;
const TAB_WAIT = 250;

export class Events {
  private source: EventSource | null = null;
  private channel: BroadcastChannel | null = null;
  private readonly told = new Set<string>();
  private wait = 500;
  private timer = 0;
  private closed = false;

  constructor(private readonly heard: Heard) {}

  /** Listens until `close`; a connection that breaks is tried again, after longer and longer waits. */
  listen(path: string): void {
    if (typeof BroadcastChannel === "function") {
      this.channel = new BroadcastChannel(`ruletune.workbench:${path}`);
      this.channel.onmessage = (message) => this.told.add(String(message.data));
    }
    this.connect();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.source?.close();
    this.channel?.close();
  }

  /** Tells other tabs that a revision comes from this one. */
  announce(revision: string): void {
    this.channel?.postMessage(revision);
  }

  /** Whether another tab has made a revision; it may say so a moment after the server does. */
  async fromTab(revision: string): Promise<boolean> {
    if (!this.told.has(revision)) await new Promise((done) => setTimeout(done, TAB_WAIT));
    return this.told.delete(revision);
  }

  private connect(): void {
    const source = new EventSource(api.events());
    this.source = source;
    source.onopen = () => {
      this.wait = 500;
      this.heard.online(true);
    };
    source.onerror = () => {
      source.close();
      if (this.closed) return;
      // Perhaps only the stream is gone: then the page goes on, and asks for news itself.
      api.state().then((state) => this.heard.state(state.revision), () => this.heard.online(false));
      this.timer = window.setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(LONGEST_WAIT, this.wait * 2);
    };
    this.on<{ revision: string }>("state", (data) => this.heard.state(data.revision));
    this.on("numbers", () => this.heard.numbers());
    this.on<Training>("training", (data) => this.heard.training(data));
    this.on<{ embedded: number }>("ready", (data) => this.heard.ready(data.embedded));
  }

  private on<T>(name: string, hear: (data: T) => void): void {
    this.source?.addEventListener(name, (event) => {
      try {
        hear(JSON.parse((event as MessageEvent<string>).data) as T);
      } catch {
        // An event that is no JSON says nothing.
      }
    });
  }
}
