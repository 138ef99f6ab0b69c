import { useSwitchChain } from "wagmi";

import { useService } from "../app/service";
import { explain, isRefusedByPerson } from "../contracts/refusal";
import { Icon } from "../ui/Icon";
import { useWallet } from "./useWallet";

/** One button when the wallet is on another network; never a prompt by itself. */
export function ChainBanner() {
  const { chain } = useService();
  const wallet = useWallet();
  const { mutate: switchChain, isPending, error } = useSwitchChain();
  if (!wallet.wrongChain) return null;
  return (
    <div className="banner" role="alert" data-testid="wrong-chain">
      <Icon name="warning" />
      <p>
        {`Your wallet is on network ${wallet.walletChainId}; this community lives on ${chain.name}. You can read everything, but not sign.`}
        {error && ` ${isRefusedByPerson(error) ? "You declined the switch." : explain(error)}`}
      </p>
      <button
        type="button"
        className="button button--small"
        disabled={isPending}
        data-testid="switch-chain"
        onClick={() => { switchChain({ chainId: chain.id }); }}
      >
        {isPending ? "Waiting for the wallet…" : `Switch to ${chain.name}`}
      </button>
    </div>
  );
}
