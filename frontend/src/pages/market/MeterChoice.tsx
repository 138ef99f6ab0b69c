interface Props {
  meters: readonly number[];
  chosen: number | undefined;
  onChoose: (meter: number) => void;
}

export function MeterChoice({ meters, chosen, onChoose }: Props) {
  return (
    <label className="row">
      Meter
      <select className="select" value={chosen} data-testid="choose-meter" onChange={(event) => { onChoose(Number(event.target.value)); }}>
        {meters.map((meter) => (
          <option key={meter} value={meter}>{meter}</option>
        ))}
      </select>
    </label>
  );
}
