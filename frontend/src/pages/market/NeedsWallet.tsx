import { Notice } from "../../ui/Notice";
import { useWallet } from "../../wallet/useWallet";
import { WalletButton } from "../../wallet/WalletButton";

/** Instead of what only a wallet has. `purpose` completes "Connect a wallet to …". */
export function NeedsWallet({ purpose }: { purpose: string }) {
  const { resuming } = useWallet();
  if (resuming) return <p className="placeholder" role="status">Asking your wallet…</p>;
  return (
    <div className="stack" data-testid="needs-wallet">
      <Notice>{`Connect a wallet to ${purpose}.`}</Notice>
      <div>
        <WalletButton />
      </div>
    </div>
  );
}
