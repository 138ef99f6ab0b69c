import { useState } from "react";
import { useConnect, useConnectors, useDisconnect } from "wagmi";
import type { Connector } from "wagmi";

import { useService } from "../app/service";
import { explain, isRefusedByPerson } from "../contracts/refusal";
import { Dialog } from "../ui/Dialog";
import { Icon } from "../ui/Icon";
import { Notice } from "../ui/Notice";
import { DEMO_TYPE, demoConnectorId } from "./demoConnector";
import { useWallet } from "./useWallet";

/** Connects a wallet, or shows the connected one and lets go of it. */
export function WalletButton() {
  const wallet = useWallet();
  // Open for the state it was opened in: connecting or letting go closes it.
  const [openFor, setOpenFor] = useState<boolean | null>(null);
  const close = () => { setOpenFor(null); };
  return (
    <>
      <button
        type="button"
        className={`button button--small ${wallet.connected ? "button--quiet" : ""}`}
        data-testid={wallet.connected ? "wallet-account" : "connect-wallet"}
        data-address={wallet.address}
        onClick={() => { setOpenFor(wallet.connected); }}
      >
        <Icon name="wallet" />
        {wallet.address ? (
          <span>
            <span className="visually-hidden">Your wallet </span>
            {`${wallet.address.slice(0, 6)}…${wallet.address.slice(-4)}`}
          </span>
        ) : (
          <span>
            Connect<span className="wide-only"> wallet</span>
          </span>
        )}
        {wallet.demo && <span className="demo-mark" data-testid="demo-mark">demo</span>}
      </button>
      <Dialog title={wallet.connected ? "Your wallet" : "Connect a wallet"} open={openFor === wallet.connected} onClose={close} testId="wallet-dialog">
        {wallet.connected ? <Connected /> : <WalletList />}
      </Dialog>
    </>
  );
}

function Connected() {
  const wallet = useWallet();
  const { mutate: disconnect } = useDisconnect();
  return (
    <div className="stack">
      <p>
        {wallet.name}
        {wallet.demo && " (demo wallet, local chain only)"}
      </p>
      <p className="mono break" data-testid="wallet-address">{wallet.address}</p>
      <div className="row">
        <button
          type="button"
          className="button button--quiet"
          data-testid="disconnect-wallet"
          onClick={() => { disconnect({}); }}
        >
          Disconnect
        </button>
      </div>
    </div>
  );
}

function WalletList() {
  const { config } = useService();
  const connectors = useConnectors();
  const { mutate: connect, error, isPending } = useConnect();
  const choose = (connector: Connector) => { connect({ connector }); };
  const found = connectors.filter((connector) => connector.type !== DEMO_TYPE);
  const demo = config.demo_wallets ?? [];

  return (
    <div className="stack">
      {found.length === 0 ? (
        <p className="muted">
          No wallet was found in this browser. Install one, such as MetaMask or Rabby, and reload the page. Everything
          public can be read without one.
        </p>
      ) : (
        <ul className="wallets">
          {found.map((connector) => (
            <li key={connector.uid}>
              <button type="button" className="wallets__one" disabled={isPending} data-testid={`wallet-${connector.id}`} onClick={() => { choose(connector); }}>
                {connector.icon ? <img src={connector.icon} alt="" width={28} height={28} /> : <Icon name="wallet" />}
                {connector.name}
              </button>
            </li>
          ))}
        </ul>
      )}
      {demo.length > 0 && (
        <section className="demo-wallets" aria-label="Demo wallets">
          <h3>Demo wallets</h3>
          <p className="muted">
            Accounts of the local development chain with keys that everybody knows. They sign in this page without
            asking, and exist on this chain only.
          </p>
          <ul className="wallets">
            {demo.map((wallet) => {
              const connector = connectors.find((one) => one.id === demoConnectorId(wallet));
              return connector ? (
                <li key={connector.uid}>
                  <button type="button" className="wallets__one wallets__one--demo" disabled={isPending} data-testid={`demo-wallet-${slug(wallet.name)}`} onClick={() => { choose(connector); }}>
                    <Icon name="person" />
                    <span>
                      {wallet.name}
                      {wallet.meters?.length ? <span className="muted small">{` · meter ${wallet.meters.join(", ")}`}</span> : null}
                    </span>
                    <span className="demo-mark">demo</span>
                  </button>
                </li>
              ) : null;
            })}
          </ul>
        </section>
      )}
      {error && (
        <Notice tone={isRefusedByPerson(error) ? "info" : "bad"} live>
          {isRefusedByPerson(error) ? "You declined in the wallet. Choose a wallet to try again." : explain(error)}
        </Notice>
      )}
    </div>
  );
}

/** `House C2` -> `house-c2`. */
const slug = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
