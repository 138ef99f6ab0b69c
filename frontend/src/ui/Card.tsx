import { type ReactNode, useId } from "react";

interface Props {
  title: ReactNode;
  /** A short remark or control beside the title. */
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
  testId?: string;
}

/** A titled part of a page. */
export function Card({ title, aside, children, className = "", testId }: Props) {
  const id = useId();
  return (
    <section className={`card ${className}`} aria-labelledby={id} data-testid={testId}>
      <div className="card__head">
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div className="card__aside">{aside}</div>}
      </div>
      {children}
    </section>
  );
}
