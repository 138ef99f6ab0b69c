/** State of charge as a filled bar; the number stands beside it. */
export function ChargeBar({ socBp }: { socBp: number }) {
  return (
    <div className="charge-bar" aria-hidden="true">
      <div className="charge-bar__fill" style={{ width: `${Math.min(100, socBp / 100)}%` }} />
    </div>
  );
}
