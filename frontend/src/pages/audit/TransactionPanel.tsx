import { useQuery } from "@tanstack/react-query";
import type { Hex } from "viem";
import { usePublicClient } from "wagmi";

import { Answer } from "../../ui/Answer";
import { ShortHash } from "../../ui/ShortHash";
import { groupIndian } from "../../units/decimal";
import { formatEther } from "../../units/money";

/** A transaction's details where no explorer exists, read from the node. */
export function TransactionPanel({ hash }: { hash: Hex }) {
  const client = usePublicClient();
  const query = useQuery({
    queryKey: ["transaction", hash],
    queryFn: async () => {
      if (!client) throw new Error("no client for the configured chain");
      const [transaction, receipt] = await Promise.all([client.getTransaction({ hash }), client.getTransactionReceipt({ hash })]);
      return { transaction, receipt };
    },
    staleTime: Infinity,
  });
  return (
    <details className="transaction" data-testid="transaction-panel">
      <summary>Transaction details</summary>
      <Answer query={query} what="the transaction">
        {({ transaction, receipt }) => (
          <dl className="facts">
            <dt>Block</dt>
            <dd>{receipt.blockNumber.toString()}</dd>
            <dt>Status</dt>
            <dd>{receipt.status}</dd>
            <dt>From</dt>
            <dd><ShortHash value={transaction.from} kind="address" /></dd>
            <dt>To</dt>
            <dd>{transaction.to ? <ShortHash value={transaction.to} kind="address" /> : "a new contract"}</dd>
            <dt>Gas used</dt>
            <dd>{groupIndian(receipt.gasUsed.toString())}</dd>
            <dt>Fee</dt>
            <dd>{formatEther(receipt.gasUsed * receipt.effectiveGasPrice, "up")}</dd>
            <dt>Call data</dt>
            <dd>{`${(transaction.input.length - 2) / 2} bytes`}</dd>
          </dl>
        )}
      </Answer>
    </details>
  );
}
