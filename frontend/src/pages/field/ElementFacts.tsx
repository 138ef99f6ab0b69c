import { type FieldElement, useWitness, type Witness } from "../../api/field";
import { Badge } from "../../ui/Badge";
import { Moment } from "../../ui/Moment";
import { formatEther } from "../../units/money";
import { elementText } from "./words";

/** A meter's secure element: whether it counts, what it signed last, and who was accused by it. */
export function ElementFacts({ meter, element }: { meter: number; element: FieldElement }) {
  const witness = useWitness(true);
  const accusations = witness.data?.accusations.filter((one) => one.meter_id === meter) ?? [];
  return (
    <section className="stack stack--tight" aria-label="Secure element" data-testid="node-element">
      <h3>Secure element</h3>
      <dl className="facts">
        <dt>Element</dt>
        <dd><Badge tone={element.until === null ? "ok" : "warn"}>{elementText(element)}</Badge></dd>
        <dt>Enrolled</dt>
        <dd><Moment seconds={element.since} ago /></dd>
        <dt>Last signed</dt>
        <dd>{element.signed_at === null ? "nothing yet" : <><Moment seconds={element.signed_at} ago />{`, statement ${element.counter ?? ""}`}</>}</dd>
        <dt>Contradicted by a commitment</dt>
        <dd>{accusations.length === 0 ? "never" : accusations.map(accusationText).join("; ")}</dd>
        {witness.data && <Bonds bonds={witness.data.bonds} />}
      </dl>
      <p className="muted small">The element signs what the meter counted. A line on chain that contradicts it costs the oracle nodes that signed it their bonds.</p>
    </section>
  );
}

function Bonds({ bonds }: { bonds: Witness["bonds"] }) {
  if (bonds.length === 0) return null;
  const least = bonds.map((bond) => BigInt(bond.bond_wei)).reduce((low, wei) => (wei < low ? wei : low));
  return (
    <>
      <dt>{`Bond of each of ${bonds.length} oracle nodes`}</dt>
      <dd>{`at least ${formatEther(least, "down")}`}</dd>
    </>
  );
}

function accusationText({ slot, too_high: high, state, slashed_wei: slashed }: Witness["accusations"][number]): string {
  const lost = slashed && slashed !== "0" ? `, ${formatEther(BigInt(slashed), "down")} taken` : "";
  return `slot ${slot} too ${high ? "high" : "low"}, ${state}${lost}`;
}
