import { type ReactNode, useEffect, useId, useRef } from "react";

import { Icon } from "./Icon";

interface Props {
  title: string;
  open: boolean;
  onClose: () => void;
  children: ReactNode;
  testId?: string;
}

/** A modal dialog: the browser keeps the focus inside, Escape closes it. */
export function Dialog({ title, open, onClose, children, testId }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => {
    const dialog = element.current;
    if (!dialog) return;
    if (open && !dialog.open) dialog.showModal();
    if (!open && dialog.open) dialog.close();
  }, [open]);

  return (
    <dialog ref={element} className="dialog" aria-labelledby={id} onClose={onClose} data-testid={testId}>
      {open && (
        <>
          <div className="dialog__head">
            <h2 id={id}>{title}</h2>
            <button type="button" className="icon-button" aria-label="Close" onClick={onClose}>
              <Icon name="cross" />
            </button>
          </div>
          {children}
        </>
      )}
    </dialog>
  );
}
