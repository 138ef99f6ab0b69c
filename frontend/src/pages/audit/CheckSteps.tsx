import type { LeafProof } from "../../api/types";
import type { CheckResult } from "../../proof/check";
import { REGISTER_NAMES } from "../../proof/sumTree";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { ShortHash } from "../../ui/ShortHash";
import { formatEnergy } from "../../units/energy";

const REGISTER_WORDS: Record<(typeof REGISTER_NAMES)[number], string> = {
  generated_wh: "generated",
  consumed_wh: "consumed behind the meter",
  exported_wh: "given to the community",
  imported_wh: "drawn from the community",
  charged_wh: "charged",
  discharged_wh: "discharged",
};

/** The outcome first, then each step with what was computed. */
export function CheckSteps({ proof, result }: { proof: LeafProof; result: CheckResult }) {
  const { registers } = result;
  return (
    <div className="stack" data-testid="check-result" data-valid={result.valid}>
      <Notice tone={result.valid ? "ok" : "bad"} live>
        {result.valid
          ? `Meter ${proof.leaf.meter} is in slot ${proof.slot}, with exactly these registers.`
          : `This proof does not hold for meter ${proof.leaf.meter} in slot ${proof.slot}. The first failing step says why; keep the proof and tell your neighbours.`}
      </Notice>
      {registers && (
        <dl className="facts">
          {REGISTER_NAMES.filter((name) => registers[name] > 0n).map((name) => (
            <div key={name} className="facts__pair">
              <dt>{REGISTER_WORDS[name]}</dt>
              <dd>{formatEnergy(registers[name])}</dd>
            </div>
          ))}
        </dl>
      )}
      <ol className="check-steps">
        {result.steps.map((step, index) => (
          <li key={index} className={`check-steps__one check-steps__one--${step.ok ? "ok" : "bad"}`} data-testid="check-step" data-ok={step.ok}>
            <Icon name={step.ok ? "check" : "cross"} />
            <div>
              <strong>{step.title}</strong>
              <p className="muted small">{step.detail}</p>
              {step.computed && <ShortHash value={step.computed} kind="value" />}
            </div>
          </li>
        ))}
      </ol>
      <div>
        <a className="button button--quiet button--small" download={`meter-${proof.leaf.meter}-slot-${proof.slot}.json`} href={`data:application/json,${encodeURIComponent(JSON.stringify(proof, null, 2))}`}>
          Save this proof
        </a>
      </div>
    </div>
  );
}
