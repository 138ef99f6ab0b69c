import type { ReactNode } from "react";

import { Icon, type IconName } from "./Icon";

export type Tone = "info" | "ok" | "warn" | "bad";

const ICONS: Record<Tone, IconName> = { info: "eye", ok: "check", warn: "warning", bad: "cross" };

interface Props {
  tone?: Tone;
  children: ReactNode;
  testId?: string;
  /** True where the notice appears as an answer to what the person did. */
  live?: boolean;
}

export function Notice({ tone = "info", children, testId, live = false }: Props) {
  return (
    <div className={`notice notice--${tone}`} data-testid={testId} role={live ? (tone === "bad" ? "alert" : "status") : undefined}>
      <Icon name={ICONS[tone]} />
      <div>{children}</div>
    </div>
  );
}
