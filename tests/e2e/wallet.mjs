// A wallet double: an EIP-1193 provider in the page, announced by EIP-6963 as MetaMask announces itself,
// whose keys and decisions live here in Node. It signs with a test key, asks for nothing on screen, and can
// be told to refuse, to stand on a wrong chain or to change its account.
import { createWalletClient, http, numberToHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const REFUSED = { code: 4001, message: "User rejected the request." };
const UNKNOWN_CHAIN = { code: 4902, message: "Unrecognized chain ID." };
const PROMPTS = new Set([
  "eth_requestAccounts",
  "wallet_requestPermissions",
  "wallet_switchEthereumChain",
  "wallet_addEthereumChain",
  "personal_sign",
  "eth_signTypedData_v4",
  "eth_sendTransaction",
]);

/** What runs in the page before its own scripts: forwards each request and passes events on. */
function inject({ bridge, emitter }) {
  const listeners = new Map();
  const provider = {
    isMetaMask: true,
    async request({ method, params }) {
      const answer = await window[bridge](method, params ?? []);
      if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
      return answer.result;
    },
    on(event, listener) {
      listeners.set(event, [...(listeners.get(event) ?? []), listener]);
      return provider;
    },
    removeListener(event, listener) {
      listeners.set(event, (listeners.get(event) ?? []).filter((known) => known !== listener));
      return provider;
    },
  };
  window[emitter] = (event, value) => (listeners.get(event) ?? []).forEach((listener) => listener(value));
  const icon = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Crect width='8' height='8' fill='orange'/%3E%3C/svg%3E";
  const info = { uuid: "7f4e0c1e-5d3a-4a53-9c0e-2f2f8b6f1d11", name: "MetaMask", icon, rdns: "io.metamask" };
  const announce = () =>
    window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info, provider }) }));
  window.addEventListener("eip6963:requestProvider", announce);
  announce();
}

/** One account may stand in several wallets: its transactions go out one after the other, each with the next nonce. */
const lastSent = new Map();

export class WalletDouble {
  /** @param {{rpcUrl: string, chainId: number, keys: string[]}} options the first key is the selected account */
  constructor({ rpcUrl, chainId, keys }) {
    this.rpcUrl = rpcUrl;
    this.homeChain = chainId;
    this.chainId = chainId;
    this.accounts = keys.map((key) => privateKeyToAccount(key));
    this.connected = false;
    /** Methods that a real wallet would have asked its person about, in order. */
    this.prompts = [];
    this.refusals = 0;
  }

  get address() {
    return this.accounts[0].address;
  }

  /** The next prompt is refused by the person. */
  refuseNext() {
    this.refusals += 1;
  }

  /** Makes the wallet known to the page. */
  async attach(page) {
    this.page = page;
    await page.exposeBinding("__walletDouble", (_source, method, params) => this.#answer(method, params));
    await page.addInitScript(inject, { bridge: "__walletDouble", emitter: "__walletDoubleEmit" });
  }

  /** The person selects another account in the wallet. */
  async select(index) {
    this.accounts.unshift(...this.accounts.splice(index, 1));
    await this.#emit("accountsChanged", [this.address]);
  }

  /** The person switches the wallet to another chain. */
  async moveTo(chainId) {
    this.chainId = chainId;
    await this.#emit("chainChanged", numberToHex(chainId));
  }

  #emit(event, value) {
    return this.page.evaluate(([name, detail]) => window.__walletDoubleEmit?.(name, detail), [event, value]);
  }

  async #answer(method, params) {
    try {
      if (PROMPTS.has(method)) {
        this.prompts.push(method);
        if (this.refusals > 0) {
          this.refusals -= 1;
          throw REFUSED;
        }
      }
      return { result: await this.#handle(method, params) };
    } catch (error) {
      return { error: { code: error.code ?? -32603, message: error.message ?? String(error), data: error.data } };
    }
  }

  async #handle(method, params) {
    switch (method) {
      case "eth_requestAccounts":
        this.connected = true;
        return [this.address];
      case "eth_accounts":
        return this.connected ? [this.address] : [];
      case "wallet_requestPermissions":
        this.connected = true;
        return [{ parentCapability: "eth_accounts" }];
      case "wallet_getPermissions":
        return this.connected ? [{ parentCapability: "eth_accounts" }] : [];
      case "wallet_revokePermissions":
        this.connected = false;
        return null;
      case "eth_chainId":
        return numberToHex(this.chainId);
      case "net_version":
        return String(this.chainId);
      case "wallet_switchEthereumChain": {
        if (Number(params[0].chainId) !== this.homeChain) throw UNKNOWN_CHAIN;
        await this.moveTo(this.homeChain);
        return null;
      }
      case "wallet_addEthereumChain":
        await this.moveTo(Number(params[0].chainId));
        return null;
      case "personal_sign":
        return this.#account(params[1]).signMessage({ message: { raw: params[0] } });
      case "eth_signTypedData_v4":
        return this.#signTypedData(params);
      case "eth_sendTransaction":
        return this.#send(params[0]);
      default:
        return this.#node(method, params);
    }
  }

  #account(address) {
    const account = this.accounts.find((known) => known.address.toLowerCase() === address.toLowerCase());
    if (!account) throw { code: 4100, message: `The account ${address} is not this wallet's.` };
    return account;
  }

  #signTypedData([address, json]) {
    const { domain, types, primaryType, message } = typeof json === "string" ? JSON.parse(json) : json;
    const { EIP712Domain: _domain, ...own } = types;
    return this.#account(address).signTypedData({ domain, types: own, primaryType, message });
  }

  #send(request) {
    const key = request.from.toLowerCase();
    const sent = (lastSent.get(key) ?? Promise.resolve()).then(() => this.#sendNow(request));
    lastSent.set(key, sent.catch(() => {}));
    return sent;
  }

  async #sendNow(request) {
    if (this.chainId !== this.homeChain) throw { code: -32603, message: "no such network here" };
    const client = createWalletClient({ account: this.#account(request.from), transport: http(this.rpcUrl) });
    const { to, data, value, gas } = request;
    return client.sendTransaction({
      chain: null,
      to,
      data,
      value: value === undefined ? undefined : BigInt(value),
      gas: gas === undefined ? undefined : BigInt(gas),
    });
  }

  async #node(method, params) {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const answer = await fetch(this.rpcUrl, { method: "POST", headers: { "content-type": "application/json" }, body });
    const { result, error } = await answer.json();
    if (error) throw error;
    return result;
  }
}
