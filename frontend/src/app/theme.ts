/** Light, dark, or as the system says. */

export type Theme = "system" | "light" | "dark";

const KEY = "ohmstead.theme";
const THEMES: readonly string[] = ["system", "light", "dark"];

export function storedTheme(): Theme {
  try {
    const found = window.localStorage.getItem(KEY) ?? "";
    return THEMES.includes(found) ? (found as Theme) : "system";
  } catch {
    return "system";
  }
}

export function applyTheme(theme: Theme): void {
  if (theme === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", theme);
  try {
    window.localStorage.setItem(KEY, theme);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
