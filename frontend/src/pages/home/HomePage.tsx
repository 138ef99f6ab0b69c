import { useSummary } from "../../api/queries";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { Batteries } from "./Batteries";
import { EnergyFlow } from "./EnergyFlow";
import { Headline } from "./Headline";
import { Relays } from "./Relays";
import { SlotClock } from "./SlotClock";
import { Today } from "./Today";
import "../../charts/charts.css";
import "../../relays/relays.css";
import "./home.css";

export function HomePage() {
  const summary = useSummary();
  return (
    <>
      <h1 className="visually-hidden">The microgrid now</h1>
      <Answer query={summary} what="the microgrid’s state">
        {(data) => (
          <>
            <Headline summary={data} />
            <div className="home-grid">
              <div className="stack">
                <Card title="Power now">
                  <EnergyFlow power={data.power_w} socBp={data.soc_bp} />
                </Card>
                <Batteries batteries={data.batteries} relays={data.relays} />
                <SlotClock summary={data} />
              </div>
              <Relays relays={data.relays} suspended={data.suspended} />
            </div>
            <Today summary={data} />
          </>
        )}
      </Answer>
    </>
  );
}
