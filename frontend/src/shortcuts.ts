/** Keys that work everywhere outside inputs. */

import type { Session } from "./session";
import { isTyping } from "./ui/controls";

const CHORD = 1200;

/** Listens until the function that it returns is called. */
export function shortcuts(session: Session, onHelp: () => void): () => void {
  let chord = 0;
  const onKey = (event: KeyboardEvent) => {
    if (isTyping(event.target) || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key === "z" && !event.shiftKey) session.undo();
      else if ((key === "z" && event.shiftKey) || key === "y") session.redo();
      else return;
    } else if (event.altKey) return;
    else if (chord && Date.now() - chord < CHORD && to(key)) chord = 0;
    else if (key === "g") chord = Date.now();
    else if (event.key === "?") onHelp();
    else if (key === "n") session.create();
    else if (key === "/") search(session);
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}

function to(key: string): boolean {
  const place = { r: "#rules .rule-main[tabindex='0'], #rules", t: "#texts article[tabindex='0'], #texts", n: "#numbers" }[key];
  if (place === undefined) return false;
  const [first, second] = place.split(", ");
  const found = document.querySelector<HTMLElement>(first ?? "") ?? document.querySelector<HTMLElement>(second ?? first ?? "");
  found?.focus();
  return found !== null;
}

function search(session: Session): void {
  session.dispatch({ type: "tab", tab: "texts" });
  requestAnimationFrame(() => document.getElementById("search")?.focus());
}
