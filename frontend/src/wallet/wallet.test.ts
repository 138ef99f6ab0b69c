// @vitest-environment jsdom
import { recoverMessageAddress } from "viem";
import { connect, disconnect, getConnectorClient } from "wagmi/actions";
import { describe, expect, it, vi } from "vitest";

import { ApiError } from "../api/client";
import type { ServiceConfig } from "../api/types";
import { chainOf, walletConfig } from "./config";
import { demoConnector, demoConnectorId } from "./demoConnector";
import { forgetSession, signIn, storedSession } from "./session";

const wallet = {
  name: "Newcomer",
  role: "resident",
  address: "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
  private_key: "0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
} as const;
const service = (changes: Partial<ServiceConfig> = {}): ServiceConfig => ({
  chain_id: 31337,
  chain_name: "Local",
  rpc_url: "http://127.0.0.1:1",
  explorer_url: null,
  slot_seconds: 15,
  deployment: {},
  demo_wallets: [wallet],
  ...changes,
});

describe("demo wallets", () => {
  it("sign in the page, and are remembered until let go", async () => {
    const config = walletConfig(service(), chainOf(service()));
    const [connector] = config.connectors;
    if (!connector) throw new Error("no demo wallet");
    expect(connector.id).toBe(demoConnectorId(wallet));
    await connect(config, { connector });
    expect(await connector.isAuthorized()).toBe(true);
    const client = await getConnectorClient(config);
    if (client.account.type !== "local") throw new Error("not a local account");
    const signature = await client.account.signMessage({ message: "hello" });
    expect(await recoverMessageAddress({ message: "hello", signature })).toBe(wallet.address);
    await disconnect(config);
    expect(await connector.isAuthorized()).toBe(false);
  });

  it("exist on the local chain only, whatever the service says", () => {
    const sepolia = service({ chain_id: 11155111, chain_name: "Sepolia", explorer_url: "https://sepolia.etherscan.io" });
    expect(walletConfig(sepolia, chainOf(sepolia)).connectors).toHaveLength(0);
    expect(() => demoConnector(wallet, chainOf(sepolia))).toThrow("31337");
    expect(chainOf(sepolia).blockExplorers?.default.url).toBe("https://sepolia.etherscan.io");
  });
});

describe("sessions", () => {
  const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

  it("trade a signed challenge for a token, kept for this tab", async () => {
    const fetching = vi.spyOn(globalThis, "fetch")
      .mockResolvedValueOnce(answer({ message: "sign me" }))
      .mockResolvedValueOnce(answer({ token: "t", expires_at: 2_000 }));
    const session = await signIn(sessionStorage, wallet.address, (message) => Promise.resolve(`signed ${message}`));
    expect(session.token).toBe("t");
    expect(fetching.mock.calls[0]?.[0]).toBe(`/api/auth/challenge?account=${wallet.address}`);
    expect(fetching.mock.calls[1]?.[1]?.body).toBe(JSON.stringify({ message: "sign me", signature: "signed sign me" }));
    expect(storedSession(sessionStorage, wallet.address, 1_000)?.token).toBe("t");
    expect(storedSession(sessionStorage, "0x90F79bf6EB2c4f870365E785982E1f101E93b906", 1_000)).toBeNull();
  });

  it("end a minute early, or when forgotten, and ignore what is not theirs", async () => {
    const put = (expiresAt: number) => {
      sessionStorage.setItem(`ohmstead.session.${wallet.address.toLowerCase()}`, JSON.stringify({ token: "t", account: wallet.address, expires_at: expiresAt }));
    };
    put(1_050);
    expect(storedSession(sessionStorage, wallet.address, 1_000)).toBeNull();
    put(5_000);
    forgetSession(sessionStorage, wallet.address);
    expect(storedSession(sessionStorage, wallet.address, 1_000)).toBeNull();
    sessionStorage.setItem(`ohmstead.session.${wallet.address.toLowerCase()}`, "{");
    expect(storedSession(sessionStorage, wallet.address, 1_000)).toBeNull();
    vi.spyOn(globalThis, "fetch").mockResolvedValue(answer({ error: { code: "bad_account", message: "Not an address.", field: "account" } }, 422));
    await expect(signIn(sessionStorage, wallet.address, () => Promise.resolve(""))).rejects.toMatchObject({ status: 422, code: "bad_account", field: "account", message: "Not an address." });
  });

  it("say when nobody answers, and when a proxy does", async () => {
    vi.spyOn(globalThis, "fetch").mockRejectedValueOnce(new TypeError("refused")).mockResolvedValueOnce(new Response("<html>", { status: 502 }));
    await expect(signIn(sessionStorage, wallet.address, () => Promise.resolve(""))).rejects.toMatchObject({ status: 0 });
    await expect(signIn(sessionStorage, wallet.address, () => Promise.resolve(""))).rejects.toBeInstanceOf(ApiError);
  });
});
