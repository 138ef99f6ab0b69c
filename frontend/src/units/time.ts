/** Unix seconds to text in the viewer's own time zone. */

export const viewerZone: string = Intl.DateTimeFormat().resolvedOptions().timeZone;

const cache = new Map<string, Intl.DateTimeFormat>();

function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify(options);
  let made = cache.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(undefined, options);
    cache.set(key, made);
  }
  return made;
}

/** `14:05`; with seconds where slots are shorter than a minute. `timeZone` is for tests. */
export function formatClock(seconds: number, options: { seconds?: boolean; timeZone?: string } = {}): string {
  return formatter({
    hour: "2-digit",
    minute: "2-digit",
    ...(options.seconds ? { second: "2-digit" } : {}),
    hourCycle: "h23",
    timeZone: options.timeZone,
  }).format(seconds * 1000);
}

/** `21 Nov 2026, 14:05:09` in the viewer's order. */
export function formatMoment(seconds: number, timeZone?: string): string {
  return formatter({ dateStyle: "medium", timeStyle: "medium", hourCycle: "h23", timeZone }).format(seconds * 1000);
}

/** `21 Nov 2026`. */
export function formatDay(seconds: number, timeZone?: string): string {
  return formatter({ dateStyle: "medium", timeZone }).format(seconds * 1000);
}

/** `45 s`, `3 min 20 s`, `2 h 5 min`, `3 days`: the two largest parts. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return joined(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86_400) return joined(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  const days = Math.floor(whole / 86_400);
  return joined(days, days === 1 ? "day" : "days", Math.floor((whole % 86_400) / 3600), "h");
}

/** `just now`, `3 min ago`. */
export function formatAgo(seconds: number, nowSeconds: number): string {
  const passed = nowSeconds - seconds;
  if (passed < 2) return "just now";
  if (passed < 60) return `${Math.floor(passed)} s ago`;
  if (passed < 3600) return `${Math.floor(passed / 60)} min ago`;
  if (passed < 86_400) return `${Math.floor(passed / 3600)} h ago`;
  const days = Math.floor(passed / 86_400);
  return days === 1 ? "yesterday" : `${days} days ago`;
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
