/** Which language the page speaks, and numbers in it. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { en, type Strings } from "./en";
import { zh } from "./zh";

export type Language = "en" | "zh";
export type { Strings };

export const TABLES: Record<Language, Strings> = { en, zh };

export interface Speech {
  language: Language;
  t: Strings;
}

export const SpeechContext = createContext<Speech>({ language: "en", t: en });

export const useSpeech = (): Speech => useContext(SpeechContext);
export const useStrings = (): Strings => useContext(SpeechContext).t;

/** The first of the browser's languages that the page speaks. */
export function preferred(languages: readonly string[]): Language {
  const known = languages.map((language) => language.slice(0, 2).toLowerCase()).find((code) => code === "en" || code === "zh");
  return known === "zh" ? "zh" : "en";
}
