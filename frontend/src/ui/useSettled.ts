import { useEffect, useState } from "react";

/** The value once it has not changed for a moment: what is typed is not asked about letter by letter. */
export function useSettled<Value>(value: Value, afterMs = 250): Value {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => { setSettled(value); }, afterMs);
    return () => { window.clearTimeout(timer); };
  }, [value, afterMs]);
  return settled;
}
