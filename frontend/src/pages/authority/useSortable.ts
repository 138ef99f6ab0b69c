/** Sorting a vertical list by pointer (mouse, pen, finger) or keyboard. */

import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";

export interface Sortable {
  /** Index that is held at the moment. */
  held: number | null;
  /** Said to screen readers. */
  announcement: string;
  /** For the handle of the entry at `index`. */
  handle: (index: number) => {
    onPointerDown: (event: PointerEvent<HTMLElement>) => void;
    onPointerMove: (event: PointerEvent<HTMLElement>) => void;
    onPointerUp: (event: PointerEvent<HTMLElement>) => void;
    onPointerCancel: (event: PointerEvent<HTMLElement>) => void;
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => void;
    onBlur: () => void;
  };
}

interface Options {
  count: number;
  /** Name of the entry at an index, for announcements. */
  nameOf: (index: number) => string;
  onMove: (from: number, to: number) => void;
}

/** The list's entries must be direct children of one element and carry `data-sortable`. */
export function useSortable({ count, nameOf, onMove }: Options): Sortable {
  const [held, setHeld] = useState<number | null>(null);
  const [announcement, setAnnouncement] = useState("");
  const byPointer = useRef(false);

  const move = (from: number, to: number) => {
    if (to < 0 || to >= count || to === from) return;
    setAnnouncement(`${nameOf(from)}: now number ${to + 1} of ${count}.`);
    setHeld(to);
    onMove(from, to);
  };
  const drop = () => {
    byPointer.current = false;
    setHeld(null);
  };

  const onKeyDown = (index: number) => (event: KeyboardEvent<HTMLElement>) => {
    const holding = held === index;
    if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      setHeld(holding ? null : index);
      setAnnouncement(
        holding
          ? `${nameOf(index)} put down as number ${index + 1}.`
          : `${nameOf(index)} picked up. Arrow keys move it, space puts it down.`,
      );
    } else if (event.key === "Escape" && holding) {
      drop();
    } else if (holding && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      move(index, index + (event.key === "ArrowUp" ? -1 : 1));
    }
  };

  return {
    held,
    announcement,
    handle: (index) => ({
      onPointerDown: (event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        byPointer.current = true;
        setHeld(index);
      },
      onPointerMove: (event) => {
        if (!byPointer.current || held === null) return;
        move(held, indexUnder(event));
      },
      onPointerUp: drop,
      onPointerCancel: drop,
      onKeyDown: onKeyDown(index),
      onBlur: () => {
        // A pointer holds without focus; a moved entry may lose the focus and have it back at once.
        if (byPointer.current) return;
        window.setTimeout(() => {
          if (!focusIsOnHandle()) setHeld(null);
        }, 0);
      },
    }),
  };
}

function focusIsOnHandle(): boolean {
  const focused = document.activeElement;
  return focused instanceof HTMLElement && focused.dataset.sortHandle !== undefined;
}

/** Index of the entry whose middle half the pointer is over; a lazy border keeps the list from flickering. */
function indexUnder(event: PointerEvent<HTMLElement>): number {
  const list = event.currentTarget.closest("[data-sortable]")?.parentElement;
  const entries = [...(list?.querySelectorAll(":scope > [data-sortable]") ?? [])];
  return entries.findIndex((entry) => {
    const { top, height } = entry.getBoundingClientRect();
    return event.clientY >= top + height / 4 && event.clientY <= top + (3 * height) / 4;
  });
}
