/** Three columns that scroll apart; the outer two can be made wider, narrower, or folded. */

import type { ComponentChildren } from "preact";
import { useStrings } from "../i18n";
import { WIDTHS, type Settings } from "../settings";

interface Props {
  settings: Settings;
  onSettings: (settings: Settings) => void;
  left: ComponentChildren;
  middle: ComponentChildren;
  right: ComponentChildren;
}

export function Columns({ settings, onSettings, left, middle, right }: Props) {
  const t = useStrings();
  const set = (side: "left" | "right", width: number) => onSettings({ ...settings, [side]: width });
  return (
    <div class="columns" style={{ "--left": `${settings.left}px`, "--right": `${settings.right}px` }}>
      <Side side="left" name={t.rules.title} id="rules" width={settings.left} onWidth={(width) => set("left", width)}>{left}</Side>
      <main id="texts" class="column middle" tabIndex={-1} aria-label={t.texts.title}>{middle}</main>
      <Side side="right" name={t.numbers.title} id="numbers" width={settings.right} onWidth={(width) => set("right", width)}>{right}</Side>
    </div>
  );
}

interface SideProps {
  side: "left" | "right";
  name: string;
  id: string;
  width: number;
  onWidth: (width: number) => void;
  children: ComponentChildren;
}

function Side({ side, name, id, width, onWidth, children }: SideProps) {
  if (width === 0) return <aside id={id} hidden aria-label={name} />;
  const splitter = <Splitter side={side} name={name} width={width} onWidth={onWidth} />;
  return (
    <aside id={id} class={`column ${side}`} aria-label={name} tabIndex={-1}>
      {side === "right" && splitter}
      {children}
      {side === "left" && splitter}
    </aside>
  );
}

function Splitter({ side, name, width, onWidth }: Omit<SideProps, "children" | "id">) {
  const t = useStrings();
  const sign = side === "left" ? 1 : -1;
  const within = (wanted: number) => Math.round(Math.min(WIDTHS.most, Math.max(WIDTHS.least, Math.min(wanted, window.innerWidth * 0.45))));
  const drag = (event: PointerEvent) => {
    const bar = event.currentTarget as HTMLElement;
    const start = event.clientX;
    bar.setPointerCapture(event.pointerId);
    const move = (moved: PointerEvent) => onWidth(within(width + sign * (moved.clientX - start)));
    const end = () => {
      bar.removeEventListener("pointermove", move);
      bar.removeEventListener("pointerup", end);
      bar.removeEventListener("pointercancel", end);
    };
    bar.addEventListener("pointermove", move);
    bar.addEventListener("pointerup", end);
    bar.addEventListener("pointercancel", end);
  };
  const onKey = (event: KeyboardEvent) => {
    const by = event.key === "ArrowRight" ? 16 * sign : event.key === "ArrowLeft" ? -16 * sign : 0;
    if (by !== 0) onWidth(within(width + by));
    else if (event.key === "Enter") onWidth(0);
    else return;
    event.preventDefault();
  };
  return (
    <div
      class="splitter"
      role="separator"
      aria-orientation="vertical"
      aria-label={t.app.resize(name)}
      aria-valuenow={width}
      aria-valuemin={WIDTHS.least}
      aria-valuemax={WIDTHS.most}
      tabIndex={0}
      onPointerDown={drag}
      onDblClick={() => onWidth(WIDTHS[side])}
      onKeyDown={onKey}
    />
  );
}
