/** The bar on top: what the task is, undo and redo, language, colours, help. */

import { usePage } from "../context";
import { useStrings } from "../i18n";
import { WIDTHS, type Settings, type Theme } from "../settings";
import { baseName, IconButton } from "./controls";

const THEMES: readonly Theme[] = ["auto", "light", "dark"];
const THEME_ICONS = { auto: "auto", light: "sun", dark: "moon" } as const;

export function Header(props: { settings: Settings; onSettings: (settings: Settings) => void; onHelp: () => void }) {
  const { session, model } = usePage();
  const t = useStrings();
  const state = model.state;
  const { settings } = props;
  const following = THEMES[(THEMES.indexOf(settings.theme) + 1) % THEMES.length] ?? "auto";
  return (
    <header class="topbar">
      <svg class="logo" viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
        <rect width="32" height="32" rx="7" />
        <path d="M8 10h16M8 16h16M8 22h16" />
        <circle cx="13" cy="10" r="3.4" /><circle cx="21" cy="16" r="3.4" /><circle cx="11" cy="22" r="3.4" />
      </svg>
      <h1>{state?.task.name || (state ? baseName(state.task.path) : t.app.title)}</h1>
      {state && (
        <p class="bar-info">
          <span class="tag">{t.kinds[state.task.kind] ?? state.task.kind}</span>
          <span class="path" title={state.task.path}>{baseName(state.task.path)}</span>
          <span class="counts">{t.app.counts(state.counts.texts, state.counts.gold, state.counts.hand)}</span>
        </p>
      )}
      <span class="spring" />
      <IconButton icon="undo" label={state?.undo ? t.app.undoOf(t.server(state.undo)) : t.app.nothingToUndo} disabled={!state?.undo} onClick={() => session.undo()} />
      <IconButton icon="redo" label={state?.redo ? t.app.redoOf(t.server(state.redo)) : t.app.nothingToRedo} disabled={!state?.redo} onClick={() => session.redo()} />
      <span class="divider" />
      <button
        type="button"
        class="quiet small"
        lang={settings.language === "en" ? "zh-CN" : "en"}
        title={t.app.otherLabel}
        onClick={() => props.onSettings({ ...settings, language: settings.language === "en" ? "zh" : "en" })}
      >
        {t.app.other}
        <span class="hidden"> {t.app.otherLabel}</span>
      </button>
      <IconButton icon={THEME_ICONS[settings.theme]} label={t.app.theme[settings.theme]} onClick={() => props.onSettings({ ...settings, theme: following })} />
      <span class="divider" />
      <Fold side="left" name={t.rules.title} {...props} />
      <Fold side="right" name={t.numbers.title} {...props} />
      <IconButton icon="help" label={t.app.help} onClick={props.onHelp} />
    </header>
  );
}

function Fold(props: { side: "left" | "right"; name: string; settings: Settings; onSettings: (settings: Settings) => void }) {
  const t = useStrings();
  const open = props.settings[props.side] > 0;
  return (
    <IconButton
      icon={props.side === "left" ? "panelLeft" : "panelRight"}
      label={(open ? t.app.collapse : t.app.expand)(props.name)}
      onClick={() => props.onSettings({ ...props.settings, [props.side]: open ? 0 : WIDTHS[props.side] })}
    />
  );
}
