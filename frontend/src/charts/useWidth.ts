import { type RefObject, useEffect, useRef, useState } from "react";

/** Width of an element in pixels, followed as it changes. */
export function useWidth<Element extends HTMLElement>(start: number): [RefObject<Element | null>, number] {
  const element = useRef<Element>(null);
  const [width, setWidth] = useState(start);
  useEffect(() => {
    const watched = element.current;
    if (!watched || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry && entry.contentRect.width > 0) setWidth(entry.contentRect.width);
    });
    observer.observe(watched);
    return () => { observer.disconnect(); };
  }, []);
  return [element, width];
}
