import type { Relay } from "../../api/types";
import { Badge } from "../../ui/Badge";
import { Icon } from "../../ui/Icon";
import { RelayState } from "../../relays/RelayState";
import { formatCharge } from "../../units/energy";
import { moved, type Order } from "./order";
import { useSortable } from "./useSortable";

interface Props {
  order: Order;
  relays: ReadonlyMap<number, Relay>;
  thresholds: readonly number[];
  onChange: (order: number[]) => void;
}

export const nameOf = (id: number, relays: ReadonlyMap<number, Relay>): string => {
  const label = relays.get(id)?.label;
  return label === undefined || label === "" ? `Switch ${id}` : label;
};

/** The order of shedding: drag by the handle, or with space and arrow keys, or with the arrow buttons. */
export function PriorityList({ order, relays, thresholds, onChange }: Props) {
  const sortable = useSortable({
    count: order.length,
    nameOf: (index) => nameOf(order[index] ?? 0, relays),
    onMove: (from, to) => { onChange(moved(order, from, to)); },
  });
  return (
    <>
      <ol className="priorities" aria-label="Order of importance" data-testid="priorities">
        {order.map((id, index) => (
          <li
            key={id}
            data-sortable
            data-testid={`priority-${id}`}
            data-position={index + 1}
            className={`priorities__one ${sortable.held === index ? "priorities__one--held" : ""}`}
          >
            <button
              type="button"
              className="icon-button priorities__handle"
              data-sort-handle="true"
              data-testid={`handle-${id}`}
              aria-label={`Move ${nameOf(id, relays)}, number ${index + 1} of ${order.length}`}
              aria-pressed={sortable.held === index}
              {...sortable.handle(index)}
            >
              <Icon name="grip" />
            </button>
            <span className="priorities__number" aria-hidden="true">{index + 1}</span>
            <span className="priorities__name">
              <strong>{nameOf(id, relays)}</strong>
              {relays.get(id)?.critical && <Badge tone="info">critical</Badge>}
              <span className="muted small">{`shed at ${formatCharge(thresholds[index] ?? 0)}`}</span>
            </span>
            <RelayMark relay={relays.get(id)} />
            <span className="priorities__buttons">
              <button type="button" className="icon-button" aria-label={`${nameOf(id, relays)}: more important`} disabled={index === 0} data-testid={`up-${id}`} onClick={() => { onChange(moved(order, index, index - 1)); }}>
                <Icon name="up" />
              </button>
              <button type="button" className="icon-button" aria-label={`${nameOf(id, relays)}: less important`} disabled={index === order.length - 1} data-testid={`down-${id}`} onClick={() => { onChange(moved(order, index, index + 1)); }}>
                <Icon name="down" />
              </button>
            </span>
          </li>
        ))}
      </ol>
      <p className="visually-hidden" role="status" aria-live="assertive">{sortable.announcement}</p>
    </>
  );
}

function RelayMark({ relay }: { relay: Relay | undefined }) {
  return relay ? <RelayState relay={relay} /> : null;
}
