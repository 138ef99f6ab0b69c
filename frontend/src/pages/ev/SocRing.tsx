import { formatCharge } from "../../units/energy";

const RADIUS = 42;
const ROUND = 2 * Math.PI * RADIUS;

/** A battery's charge as a ring, with a mark at the reserve. 0.01 %. */
export function SocRing({ socBps, reserveBps, flowing }: { socBps: number | null; reserveBps: number; flowing: "in" | "out" | null }) {
  const text = socBps === null ? "unknown" : formatCharge(socBps);
  const angle = (reserveBps / 10_000) * 360 - 90;
  return (
    <svg className={`ring ${flowing ? `ring--${flowing}` : ""}`} viewBox="0 0 100 100" role="img" aria-label={`Charge ${text}, reserve ${formatCharge(reserveBps)}`} data-testid="soc-ring" data-soc={socBps ?? ""}>
      <circle className="ring__track" cx="50" cy="50" r={RADIUS} />
      {socBps !== null && (
        <circle className="ring__fill" cx="50" cy="50" r={RADIUS} strokeDasharray={`${(socBps / 10_000) * ROUND} ${ROUND}`} transform="rotate(-90 50 50)" />
      )}
      <line className="ring__reserve" x1="50" y1={50 - RADIUS + 9} x2="50" y2={50 - RADIUS - 9} transform={`rotate(${angle + 90} 50 50)`} />
      <title>{`Charge ${text}; the mark is what always stays in it, ${formatCharge(reserveBps)}`}</title>
      <text className="ring__text" x="50" y="55" textAnchor="middle">{socBps === null ? "–" : `${(socBps / 100).toFixed(1)} %`}</text>
    </svg>
  );
}
