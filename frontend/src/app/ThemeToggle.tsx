import { useState } from "react";

import { Icon, type IconName } from "../ui/Icon";
import { applyTheme, storedTheme, type Theme } from "./theme";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const LOOK: Record<Theme, { icon: IconName; text: string }> = {
  system: { icon: "auto", text: "as the system" },
  light: { icon: "sun", text: "light" },
  dark: { icon: "moon", text: "dark" },
};

export function ThemeToggle() {
  const [theme, setTheme] = useState(storedTheme);
  const choose = () => {
    const next = NEXT[theme];
    applyTheme(next);
    setTheme(next);
  };
  return (
    <button
      type="button"
      className="icon-button"
      data-testid="theme-toggle"
      data-theme-choice={theme}
      aria-label={`Colours: ${LOOK[theme].text}. Change to ${LOOK[NEXT[theme]].text}`}
      title={`Colours: ${LOOK[theme].text}`}
      onClick={choose}
    >
      <Icon name={LOOK[theme].icon} />
    </button>
  );
}
