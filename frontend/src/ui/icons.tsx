/** Line drawings, 16 by 16, in the colour of the text. */

const PATHS = {
  undo: "M6 3 2.5 6.5 6 10M3 6.5h6.5a4 4 0 0 1 0 8H7",
  redo: "M10 3l3.5 3.5L10 10M13 6.5H6.5a4 4 0 0 0 0 8H9",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M13 3l-1.2 1.2M4.2 11.8 3 13",
  moon: "M13.5 9.8A6 6 0 1 1 6.2 2.5a4.8 4.8 0 0 0 7.3 7.3Z",
  auto: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM8 2v12M8 5h4.9M8 8h6M8 11h4.9",
  help: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8ZM6.2 6.3a1.8 1.8 0 1 1 2.6 1.6c-.6.3-.8.6-.8 1.3M8 11.4v.2",
  plus: "M8 3v10M3 8h10",
  up: "M8 13V3M4 7l4-4 4 4",
  down: "M8 3v10M4 9l4 4 4-4",
  edit: "M2.8 13.2l.6-2.8 7.2-7.2a1.4 1.4 0 0 1 2 0l.2.2a1.4 1.4 0 0 1 0 2l-7.2 7.2-2.8.6ZM9.6 4.2l2.2 2.2",
  trash: "M2.8 4.4h10.4M6.2 4.2V2.6h3.6v1.6M4.2 4.6l.5 8.8h6.6l.5-8.8M6.7 7v4M9.3 7v4",
  sound: "M2 6h2.4L8 3v10l-3.6-3H2V6ZM10.6 5.6a3.4 3.4 0 0 1 0 4.8M12.6 3.8a6 6 0 0 1 0 8.4",
  silent: "M2 6h2.4L8 3v10l-3.6-3H2V6ZM11 6.2l3.4 3.6M14.4 6.2 11 9.8",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  search: "M7 2.4a4.6 4.6 0 1 0 0 9.2 4.6 4.6 0 0 0 0-9.2ZM10.4 10.4l3.4 3.4",
  left: "M10 3 5 8l5 5",
  right: "M6 3l5 5-5 5",
  grip: "M6 3.5v.1M6 8v.1M6 12.5v.1M10 3.5v.1M10 8v.1M10 12.5v.1",
  check: "M3 8.5l3.2 3.3L13 4.6",
  cross: "M4 4l8 8M12 4l-8 8",
  lock: "M4 7.2h8v6.4H4V7.2ZM5.6 7V5a2.4 2.4 0 0 1 4.8 0v2",
  warn: "M8 2.2 14.4 13.4H1.6L8 2.2ZM8 6.4v3.4M8 11.6v.1",
  test: "M6 2h4M6.8 2v4.2L3 12.6c-.4.8 0 1.4.8 1.4h8.4c.8 0 1.2-.6.8-1.4L9.2 6.2V2M5 10h6",
  bulb: "M8 1.8a4.4 4.4 0 0 0-2.6 7.9c.5.4.8.9.8 1.5v.6h3.6v-.6c0-.6.3-1.1.8-1.5A4.4 4.4 0 0 0 8 1.8ZM6.4 13.8h3.2",
  list: "M5.5 4h8M5.5 8h8M5.5 12h8M2.4 4v.1M2.4 8v.1M2.4 12v.1",
  play: "M5 3l8 5-8 5V3Z",
  stop: "M4 4h8v8H4V4Z",
  out: "M9 2.6h4.4V7M13.2 2.8 7.6 8.4M11.4 9.4v3.8H2.8V4.6h3.8",
  panelLeft: "M2 3h12v10H2V3ZM6 3v10",
  panelRight: "M2 3h12v10H2V3ZM10 3v10",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
