import { useParams } from "react-router-dom";

import { useSlots } from "../../api/queries";
import { explain } from "../../contracts/refusal";
import { Notice } from "../../ui/Notice";
import { LeafCheck } from "./LeafCheck";
import { SlotDetail } from "./SlotDetail";
import { SlotList } from "./SlotList";
import "../../charts/charts.css";
import "./audit.css";

export function AuditPage() {
  const { slot } = useParams();
  const chosen = slot !== undefined && /^\d{1,15}$/.test(slot) ? Number(slot) : null;
  const slots = useSlots();
  const list = slots.data?.pages.flatMap((page) => page.slots) ?? [];
  const newest = list.find((one) => one.state === "committed");
  return (
    <>
      <header className="page-head">
        <h1>The public books</h1>
        <p>
          Every slot’s sums are committed to the chain under one root. Anyone can read them here without a wallet; a
          household can prove that its own meter is in them.
        </p>
      </header>
      {slots.error && <Notice tone="bad">{`Could not load the slots. ${explain(slots.error)}`}</Notice>}
      <div className="audit-grid">
        <SlotList slots={list} chosen={chosen ?? newest?.slot ?? null} more={slots.hasNextPage} loading={slots.isFetching} onMore={slots.fetchNextPage} />
        <div className="stack">
          <SlotDetail slot={chosen ?? newest?.slot ?? null} />
          <LeafCheck slot={chosen ?? newest?.slot ?? null} />
        </div>
      </div>
    </>
  );
}
