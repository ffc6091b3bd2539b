/** The whole page. */

import { useEffect, useMemo, useState } from "preact/hooks";
import { PageContext } from "./context";
import { SpeechContext, TABLES } from "./i18n";
import { NumbersColumn } from "./numbers/Numbers";
import { Editor } from "./rules/Editor";
import { RuleList } from "./rules/RuleList";
import { Session } from "./session";
import { load, save, show, type Settings } from "./settings";
import { shortcuts } from "./shortcuts";
import { Texts } from "./texts/Texts";
import { Banners, Toasts } from "./ui/Banners";
import { Columns } from "./ui/Columns";
import { Header } from "./ui/Header";
import { Help } from "./ui/Help";

export function App() {
  const [settings, setSettings] = useState(load);
  const session = useMemo(() => new Session(settings.language), []);
  const [, redraw] = useState(0);
  const [help, setHelp] = useState(false);
  const [failed, setFailed] = useState("");

  const begin = () => {
    setFailed("");
    session.start().catch((error: unknown) => setFailed(error instanceof Error ? error.message : String(error)));
  };
  useEffect(() => session.subscribe(() => redraw((count) => count + 1)), []);
  useEffect(begin, []);
  useEffect(() => () => session.stop(), []);
  useEffect(() => shortcuts(session, () => setHelp(true)), []);
  const change = (next: Settings) => {
    session.language = next.language;
    setSettings(next);
    save(next);
  };
  useEffect(() => show(settings), [settings]);

  const t = TABLES[settings.language];
  const { model } = session;
  useEffect(() => {
    document.title = model.state ? `${model.state.task.name || model.state.task.path} – Ruletune` : t.app.title;
  }, [model.state?.task.name, settings.language]);

  return (
    <SpeechContext.Provider value={{ language: settings.language, t }}>
      <PageContext.Provider value={{ session, model }}>
        <nav class="skips">
          <a href="#rules">{t.app.skipRules}</a>
          <a href="#texts">{t.app.skipTexts}</a>
          <a href="#numbers">{t.app.skipNumbers}</a>
        </nav>
        <Header settings={settings} onSettings={change} onHelp={() => setHelp(true)} />
        <Banners />
        {model.state ? (
          <Columns settings={settings} onSettings={change} left={model.editing ? <Editor /> : <RuleList />} middle={<Texts />} right={<NumbersColumn />} />
        ) : (
          <main class="opening" aria-live="polite">
            {failed ? <><p>{t.app.failed}</p><p class="faint">{failed}</p><button type="button" class="primary" onClick={begin}>{t.app.retry}</button></> : <p>{t.app.loading}</p>}
          </main>
        )}
        <Toasts />
        {help && <Help onClose={() => setHelp(false)} />}
      </PageContext.Provider>
    </SpeechContext.Provider>
  );
}
