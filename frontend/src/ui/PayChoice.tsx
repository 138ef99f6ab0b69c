import { Choice } from "./Choice";

/** What a household pays with. */
export type PayWith = "ether" | "inr";

interface Props {
  value: PayWith;
  onChange: (value: PayWith) => void;
  /** Offered first. */
  first?: PayWith;
  /** Before `ether` and `inr` in the marks for tests. */
  testId: string;
}

const NAMES: Record<PayWith, string> = { ether: "Ether", inr: "INR units" };

/** Ether or INR units. */
export function PayChoice({ value, onChange, first = "ether", testId }: Props) {
  const order: readonly PayWith[] = first === "ether" ? ["ether", "inr"] : ["inr", "ether"];
  return <Choice legend="Pay with" compact value={value} onChange={onChange} options={order.map((one) => ({ value: one, label: NAMES[one], testId: `${testId}-${one}` }))} />;
}
