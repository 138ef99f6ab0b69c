import type { Address } from "viem";

import { useHistory } from "../../../api/queries";
import { useService } from "../../../app/service";
import { explain } from "../../../contracts/refusal";
import { Card } from "../../../ui/Card";
import { Moment } from "../../../ui/Moment";
import { Notice } from "../../../ui/Notice";
import { ShortHash } from "../../../ui/ShortHash";
import { eventSentence, toldOnce } from "./eventText";

/** Everything the chain recorded about the wallet, newest first. */
export function History({ address }: { address: Address }) {
  const { config } = useService();
  const history = useHistory(address);
  const events = toldOnce(history.data?.pages.flatMap((page) => page.events) ?? []);
  return (
    <Card title="History" aside="from the chain" testId="history">
      {history.error && <Notice tone="bad">{explain(history.error)}</Notice>}
      {history.data && events.length === 0 && <p className="muted">Nothing yet.</p>}
      <ol className="history">
        {events.map((event) => (
          <li key={`${event.transaction}-${event.log_index}`} className="history__one" data-testid="history-entry">
            <span>{eventSentence(event)}</span>
            <span className="muted small">
              <Moment seconds={event.at} ago />
              {" · "}
              <ShortHash value={event.transaction} kind="tx" explorer={config.explorer_url} />
            </span>
          </li>
        ))}
      </ol>
      {history.hasNextPage && (
        <button type="button" className="button button--quiet" disabled={history.isFetchingNextPage} onClick={() => history.fetchNextPage()}>
          Show older
        </button>
      )}
    </Card>
  );
}
