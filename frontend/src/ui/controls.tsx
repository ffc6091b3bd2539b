/** Small things that many parts use. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useTask } from "../context";
import { percent } from "../format";
import { useStrings } from "../i18n";
import type { Problem, Task } from "../types";
import { Icon, type IconName } from "./icons";

export function IconButton(props: {
  icon: IconName;
  label: string;
  onClick: () => void;
  disabled?: boolean;
  pressed?: boolean;
  tabIndex?: number;
  class?: string;
}) {
  return (
    <button
      type="button"
      class={`icon-button ${props.class ?? ""}`}
      aria-label={props.label}
      title={props.label}
      disabled={props.disabled}
      aria-pressed={props.pressed}
      tabIndex={props.tabIndex}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

/** Which of the ten label styles a label has; the same everywhere. */
export function labelStyle(task: Task, label: string | null): string {
  if (label === null) return "plain";
  if (task.shape === "passage") return "l0";
  const place = task.labels.findIndex((known) => known.name === label);
  if (place < 0 || label === task.negative) return "plain";
  return `l${place % 10}`;
}

export function Label({ name, veto = false, faint = false }: { name: string; veto?: boolean; faint?: boolean }) {
  const task = useTask();
  const t = useStrings();
  const shown = task.shape === "passage" && (name === "" || name === "answer") ? t.answer : name;
  return (
    <span class={`chip ${labelStyle(task, name)} ${veto ? "veto" : ""} ${faint ? "faint" : ""}`}>
      {veto ? `${t.says.veto} ` : ""}
      {shown}
    </span>
  );
}

/** A share with its interval, as a line with a dot. */
export function Interval(props: { value: number; low: number; high: number; label: string }) {
  const at = (share: number) => `${2 + 96 * Math.min(1, Math.max(0, share))}%`;
  return (
    <svg class="interval" role="img" aria-label={props.label} preserveAspectRatio="none">
      <title>{props.label}</title>
      <line class="axis" x1="2%" x2="98%" y1="50%" y2="50%" />
      <line class="half" x1="50%" x2="50%" y1="25%" y2="75%" />
      <line class="range" x1={at(props.low)} x2={at(props.high)} y1="50%" y2="50%" />
      <circle class="dot" cx={at(props.value)} cy="50%" r="3.5" />
    </svg>
  );
}

export function Bar({ share, label }: { share: number; label?: string }) {
  return (
    <span class="bar" aria-hidden={label === undefined} aria-label={label} role={label === undefined ? undefined : "img"}>
      <span style={{ width: percent(Math.min(1, share), 2).replace("<", "").replace(">", "") }} />
    </span>
  );
}

export function Problems({ problems, kind = "bad" }: { problems: readonly Problem[]; kind?: "bad" | "warn" }) {
  const t = useStrings();
  return (
    <ul class={`problems ${kind}`}>
      {problems.map((problem, index) => (
        <li key={index}>
          <Icon name="warn" />
          <span>
            {problem.line !== null && <b>{`${problem.file ? `${baseName(problem.file)}, ` : ""}${t.notice.atLine(problem.line)}: `}</b>}
            {t.server(problem.message)}
            {problem.remedy && <i>{` ${t.server(problem.remedy)}`}</i>}
          </span>
        </li>
      ))}
    </ul>
  );
}

export const baseName = (path: string): string => path.split(/[\\/]/).at(-1) ?? path;

/** A dialog of the browser: it holds the focus, and Escape closes it. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren; wide?: boolean }) {
  const t = useStrings();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => (before instanceof HTMLElement ? before.focus() : undefined);
  }, []);
  return (
    <dialog ref={dialog} class={props.wide ? "wide" : ""} aria-label={props.title} onClose={props.onClose} onClick={(event) => event.target === dialog.current && props.onClose()}>
      <div class="dialog-body">
        <header>
          <h2>{props.title}</h2>
          <IconButton icon="close" label={t.app.close} onClick={props.onClose} />
        </header>
        {props.children}
      </div>
    </dialog>
  );
}

export interface TabItem<T extends string> {
  key: T;
  label: string;
  icon?: IconName;
}

/** Tabs after the ARIA pattern: one tab stop, arrow keys choose. */
export function Tabs<T extends string>(props: { items: readonly TabItem<T>[]; chosen: T; onChoose: (key: T) => void; label: string; panel: string }) {
  const list = useRef<HTMLDivElement>(null);
  const step = (event: KeyboardEvent) => {
    const place = props.items.findIndex((item) => item.key === props.chosen);
    const to = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: props.items.length - 1 }[event.key];
    const item = to === undefined ? undefined : props.items[(to + props.items.length) % props.items.length];
    if (!item) return;
    event.preventDefault();
    props.onChoose(item.key);
    list.current?.querySelector<HTMLElement>(`[data-tab="${item.key}"]`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={props.label} ref={list} onKeyDown={step}>
      {props.items.map((item) => (
        <button
          key={item.key}
          type="button"
          role="tab"
          id={`${props.panel}-${item.key}`}
          data-tab={item.key}
          aria-selected={item.key === props.chosen}
          aria-controls={props.panel}
          tabIndex={item.key === props.chosen ? 0 : -1}
          onClick={() => props.onChoose(item.key)}
        >
          {item.icon && <Icon name={item.icon} />}
          {item.label}
        </button>
      ))}
    </div>
  );
}

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
