interface Props {
  bps: bigint;
  onChange: (bps: bigint) => void;
}

const STEPS = [50n, 100n, 300n];

/** How far the price may move between the quote and the network before nothing is traded. */
export function Slippage({ bps, onChange }: Props) {
  return (
    <label className="row small muted">
      Price may move by at most
      <select className="select select--small" value={bps.toString()} data-testid="slippage" onChange={(event) => { onChange(BigInt(event.target.value)); }}>
        {STEPS.map((step) => (
          <option key={step.toString()} value={step.toString()}>
            {`${Number(step) / 100} %`}
          </option>
        ))}
      </select>
    </label>
  );
}
