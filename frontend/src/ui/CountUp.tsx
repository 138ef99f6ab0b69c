import { useEffect, useRef, useState } from "react";

const DURATION_MS = 500;

interface Props {
  value: number;
  format: (value: number) => string;
  className?: string;
  testId?: string;
}

/** A number that counts to its new value in half a second; at once where reduced motion is wished. */
export function CountUp({ value, format, className, testId }: Props) {
  const [shown, setShown] = useState(value);
  const from = useRef(value);

  useEffect(() => {
    const start = from.current;
    if (start === value) return;
    const still = document.hidden || window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const began = performance.now();
    let frame = 0;
    const step = (time: number) => {
      const part = still ? 1 : Math.min(1, Math.max(0, (time - began) / DURATION_MS));
      const eased = 1 - (1 - part) ** 3;
      // The last step is the value itself, so that no rounding is left over.
      const now = part === 1 ? value : start + (value - start) * eased;
      from.current = now;
      setShown(now);
      if (part < 1) frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
    return () => { cancelAnimationFrame(frame); };
  }, [value]);

  return (
    <span className={className} data-testid={testId} data-value={value}>
      {format(shown)}
    </span>
  );
}
