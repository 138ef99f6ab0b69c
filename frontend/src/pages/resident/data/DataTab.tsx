import { useState } from "react";
import type { Address } from "viem";

import { useSession } from "../../../wallet/SessionContext";
import { SignInPrompt } from "../../../wallet/SignInPrompt";
import { Card } from "../../../ui/Card";
import type { Household } from "../household";
import { AccessLog } from "./AccessLog";
import { Bills } from "./Bills";
import { History } from "./History";
import { Readings } from "./Readings";
import { Terms } from "./Terms";

/** What is known about the household, who looked at it, and how to leave. */
export function DataTab({ household, address }: { household: Household; address: Address }) {
  const { token } = useSession();
  const [chosen, setChosen] = useState<number | null>(null);
  const meter = household.meters.find((one) => one.meter === chosen) ?? household.meters[0];
  return (
    <>
      {household.meters.length > 1 && (
        <label className="row">
          Meter
          <select className="select" value={meter?.meter} data-testid="choose-meter" onChange={(event) => { setChosen(Number(event.target.value)); }}>
            {household.meters.map((one) => (
              <option key={one.meter} value={one.meter}>{one.meter}</option>
            ))}
          </select>
        </label>
      )}
      {meter && (
        <>
          {token ? (
            <>
              <Readings meter={meter.meter} kind={meter.kind} token={token} />
              <AccessLog meter={meter.meter} token={token} />
            </>
          ) : (
            <Card title="Your readings">
              <SignInPrompt purpose="see your own readings and who has looked at them" />
            </Card>
          )}
          <div className="columns">
            <Bills meter={meter} microInr={household.microInr} />
            <Terms meter={meter} />
          </div>
        </>
      )}
      <History address={address} />
    </>
  );
}
