import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Session } from "./session";
import { START, type Model } from "./store";
import type { Task } from "./types";

/** What every part of the page can see: what is known, and who speaks to the server. */
export interface Page {
  session: Session;
  model: Model;
}

export const PageContext = createContext<Page>({ session: null as unknown as Session, model: START });

export const usePage = (): Page => useContext(PageContext);

const NO_TASK: Task = {
  kind: "", name: "", description: "", path: "", readout: "label", shape: "label", labels: [], multi_label: false, negative: null,
};

export const useTask = (): Task => usePage().model.state?.task ?? NO_TASK;
