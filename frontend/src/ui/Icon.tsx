/** Line icons on a 24 x 24 grid, drawn for this page; they take the colour of the text around them. */

export const ICON_PATHS = {
  sun: "M12 7.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M4.9 4.9l1.8 1.8M17.3 17.3l1.8 1.8M4.9 19.1l1.8-1.8M17.3 6.7l1.8-1.8",
  roof: "M3 12 12 5l9 7M6 10v9h12v-9M8 15h8M10.5 13v4M13.5 13v4",
  battery: "M4 8h14v8H4zM18 10.5h2v3h-2M11.5 9.5 9 12.5h4L10.5 15",
  grid: "M9 3h6M8 8h8M12 3v18M7 21l5-18 5 18M9.5 13h5M8.2 17h7.6",
  home: "M4 11 12 4l8 7M6 9.5V20h12V9.5M10 20v-5h4v5",
  question: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.1-1.5 2.4M12 17.5v.5",
  wallet: "M4 7h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2zM4 7V6a2 2 0 0 1 2-2h10v3M16 13h1",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16ZM12 8v4.5l3 2",
  check: "M5 12.5l4.5 4.5L19 7",
  cross: "M6 6l12 12M18 6 6 18",
  minus: "M6 12h12",
  plus: "M12 6v12M6 12h12",
  up: "M12 19V6M6 11l6-6 6 6",
  down: "M12 5v13M6 13l6 6 6-6",
  grip: "M9 6v.01M15 6v.01M9 12v.01M15 12v.01M9 18v.01M15 18v.01",
  shield: "M12 3l7 3v5.5c0 4.3-2.9 7.9-7 9.5-4.1-1.6-7-5.2-7-9.5V6z",
  bolt: "M13 3 6 13.5h5L10 21l7-10.5h-5z",
  car: "M4 16v-3.5l2-5.5h12l2 5.5V16zM4 12.5h16M7.5 16v2M16.5 16v2M7.5 14.2v.01M16.5 14.2v.01",
  plug: "M9 3v5M15 3v5M6.5 8h11v3.5a5.5 5.5 0 0 1-11 0zM12 17v4",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z",
  key: "M14.5 9.5a4 4 0 1 0-3.8 4L8 16.2V19h3v-2.2h2v-2l1-1M15 8.5v.01",
  warning: "M12 4 2.5 20h19zM12 10v4.5M12 17v.5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z",
  auto: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  link: "M10 14a4 4 0 0 0 6 .4l2.5-2.5a4 4 0 0 0-5.7-5.7L11.5 7.5M14 10a4 4 0 0 0-6-.4L5.5 12.1a4 4 0 0 0 5.7 5.7l1.3-1.3",
  person: "M12 4.5a3.75 3.75 0 1 0 0 7.5 3.75 3.75 0 0 0 0-7.5ZM4.5 20c.8-3.7 3.8-5.5 7.5-5.5s6.7 1.8 7.5 5.5",
  sliders: "M5 5v5M5 14v5M12 5v9M12 18v1M19 5v2M19 11v8M3 12h4M10 16h4M17 9h4",
  list: "M9 6h11M9 12h11M9 18h11M4.5 6v.01M4.5 12v.01M4.5 18v.01",
  scales: "M12 4v16M8.5 20h7M5 7h14M5 7l-2.5 6.5a2.7 2.7 0 0 0 5 0zM19 7l-2.5 6.5a2.7 2.7 0 0 0 5 0z",
  coins: "M9 4.5c3 0 5 1 5 2.5S12 9.5 9 9.5 4 8.5 4 7s2-2.5 5-2.5ZM4 7v9.5c0 1.2 1.4 2.1 3.5 2.4M4 11.8c0 1.2 1.4 2.1 3.5 2.4M14 7v2.5M15 11c3 0 5 1 5 2.5S18 16 15 16s-5-1-5-2.5 2-2.5 5-2.5ZM10 13.5V18c0 1.5 2 2.5 5 2.5s5-1 5-2.5v-4.5",
  antenna: "M12 13.5V21M8.5 21h7M12 10.5v.01M8.8 13.7a4.5 4.5 0 1 1 6.4 0M5.9 16.6a8.6 8.6 0 1 1 12.2 0",
  cut: "M6.5 3.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5ZM6.5 15.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5ZM8.6 7.6 20 17.5M8.6 16.4 20 6.5",
  more: "M5 12v.01M12 12v.01M19 12v.01",
  swap: "M7 4 3.5 7.5 7 11M3.5 7.5H17M17 13l3.5 3.5L17 20M20.5 16.5H7",
} as const;

export type IconName = keyof typeof ICON_PATHS;

/** Decorative: what it means is said in text beside it. */
export function Icon({ name, className }: { name: IconName; className?: string }) {
  return (
    <svg viewBox="0 0 24 24" className={`icon ${className ?? ""}`} aria-hidden="true" focusable="false">
      <path d={ICON_PATHS[name]} />
    </svg>
  );
}
