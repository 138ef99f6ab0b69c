import { useService } from "../../../app/service";
import { isTwoEnded, type TieTerms } from "../../../market/tie";
import { ShortHash } from "../../../ui/ShortHash";
import { formatCharge, formatEnergy, formatPower } from "../../../units/energy";
import { formatInr, formatPrice } from "../../../units/money";
import { formatDuration, formatMoment } from "../../../units/time";

/** Everything that a signature under an agreement binds to, in words. */
export function AgreementWords({ terms }: { terms: TieTerms }) {
  const { config } = useService();
  const address = (value: TieTerms["partyA"]) => <ShortHash value={value} kind="address" explorer={config.explorer_url} />;
  const slotEnd = (Number(terms.lastSlot) + 1) * config.slot_seconds;
  return (
    <dl className="facts" data-testid="agreement-words">
      <dt>End A, who signed</dt>
      <dd>{address(terms.partyA)} with meter {terms.meterA} of ledger {address(terms.ledgerA)}</dd>
      <dt>End B</dt>
      <dd>{address(terms.partyB)} {isTwoEnded(terms) ? <>with meter {terms.meterB} of ledger {address(terms.ledgerB)}</> : "for the main grid: end A’s meter alone counts"}</dd>
      <dt>Decides disputes</dt>
      <dd>{address(terms.arbiter)}</dd>
      <dt>Runs until</dt>
      <dd>{`${formatMoment(slotEnd)}, or ${terms.noticeSlots} slots after notice`}</dd>
      <dt>B pays A, A pays B</dt>
      <dd>{`${formatPrice(terms.priceAToB)}, ${formatPrice(terms.priceBToA)} per kWh`}</dd>
      <dt>At most</dt>
      <dd>{`${formatEnergy(terms.limitWhPerSlot)} a slot, ${formatPower(terms.maxPowerW)}`}</dd>
      <dt>Readings may differ by</dt>
      <dd>{`${formatEnergy(terms.toleranceWh)} or ${formatCharge(terms.toleranceBps)}, the larger`}</dd>
      <dt>Guarantee of each</dt>
      <dd>{formatInr(terms.guaranteeMicroInr, "up")}</dd>
      <dt>One reading counts alone after</dt>
      <dd>{formatDuration(terms.silenceSeconds)}</dd>
      <dt>The arbiter may decide after</dt>
      <dd>{`${formatDuration(terms.resolveSeconds)}, anybody at the lower reading after twice that`}</dd>
    </dl>
  );
}
