/** What the user has chosen for this browser: language, colours, widths of columns. */

import { storage } from "./drafts";
import { preferred, type Language } from "./i18n";

export type Theme = "auto" | "light" | "dark";

export interface Settings {
  language: Language;
  theme: Theme;
  /** Widths of the side columns in pixels; 0 is folded. */
  left: number;
  right: number;
}

const KEY = "ruletune.workbench.settings";
export const WIDTHS = { left: 356, right: 338, least: 260, most: 720 } as const;

export function load(): Settings {
  const start: Settings = { language: preferred(navigator.languages ?? []), theme: "auto", left: WIDTHS.left, right: WIDTHS.right };
  try {
    const saved = JSON.parse(storage()?.getItem(KEY) ?? "{}") as Partial<Settings>;
    return {
      language: saved.language === "en" || saved.language === "zh" ? saved.language : start.language,
      theme: saved.theme === "light" || saved.theme === "dark" ? saved.theme : "auto",
      left: width(saved.left, start.left),
      right: width(saved.right, start.right),
    };
  } catch {
    return start;
  }
}

function width(saved: unknown, otherwise: number): number {
  return typeof saved === "number" && (saved === 0 || (saved >= WIDTHS.least && saved <= WIDTHS.most)) ? saved : otherwise;
}

export function save(settings: Settings): void {
  try {
    storage()?.setItem(KEY, JSON.stringify(settings));
  } catch {
    // The choice lives as long as the page.
  }
}

export function show(settings: Settings): void {
  const root = document.documentElement;
  root.lang = settings.language === "zh" ? "zh-CN" : "en";
  if (settings.theme === "auto") delete root.dataset["theme"];
  else root.dataset["theme"] = settings.theme;
}
