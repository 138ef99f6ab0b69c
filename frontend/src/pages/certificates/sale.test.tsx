// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { MemoryRouter } from "react-router-dom";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Address, type Chain, ContractFunctionRevertedError, encodeErrorResult } from "viem";

import type { Certificate, Offer, OfferedCertificate } from "../../api/certificates";
import type { ServiceConfig } from "../../api/types";
import { ServiceContext } from "../../app/service";
import { errorsAbi } from "../../contracts/abis";
import type { ContractCall } from "../../contracts/call";
import { TransactionProvider, useTransactionList } from "../../transactions/context";
import { CertificateCard } from "./CertificateCard";
import { closesAt, cheapestFirst, parsePrice, perKwhUp } from "./sale";
import { SaleTab } from "./SaleTab";

const NOW = 1_800_000_000;
const DAY_S = 86_400;
const address = (digit: string): Address => `0x${digit.repeat(40)}`;
const SELLER = address("1");
const BUYER = address("2");
const SALES = address("5");

/** The chain and the wallet as the page meets them: what it reads, what it signs, what the person answers. */
interface World {
  wallet: Address | undefined;
  reads: Record<string, unknown>;
  signed: ContractCall[];
  /** What the contract refuses with, if it does. */
  refusal: Error | null;
  sign: () => Promise<string>;
}

const world = vi.hoisted((): World => ({ wallet: undefined, reads: {}, signed: [], refusal: null, sign: () => Promise.resolve("0x01") }));

vi.mock("wagmi", async (load) => ({
  ...(await load<typeof import("wagmi")>()),
  usePublicClient: () => client,
}));
vi.mock("../../wallet/useWallet", () => ({
  useWallet: () => ({ address: world.wallet }),
  useSigner: () => signer,
}));
vi.mock("../market/NeedsWallet", () => ({ NeedsWallet: () => <p data-testid="needs-wallet" /> }));

const client = {
  getBlock: () => Promise.resolve({ timestamp: BigInt(NOW) }),
  readContract: ({ functionName }: ContractCall) => Promise.resolve(world.reads[functionName]),
  simulateContract: () => (world.refusal ? Promise.reject(world.refusal) : Promise.resolve()),
  waitForTransactionReceipt: () => Promise.resolve({ transactionHash: "0x01", status: "success", blockNumber: 1n }),
};
const signer = () =>
  Promise.resolve({
    account: { address: world.wallet },
    writeContract: async (call: ContractCall) => {
      const hash = await world.sign();
      world.signed.push(call);
      return hash;
    },
  });

const offerAt = (microInr: number, changes: Partial<Offer> = {}): Offer => ({ seller: SELLER, price_micro_inr: microInr, closes_at: NOW + DAY_S, ...changes });

function certificate(id: number, offer: Offer | null, changes: Partial<Certificate> = {}): Certificate {
  const lot = { lot_id: 1, meter_id: 7, starts_at: NOW - 3_600, ends_at: NOW, wh: 2_000, source: "solar", technology: "rooftop_photovoltaic" };
  return { certificate_id: id, wh: 2_000, owner: SELLER, state: "active", offer, lot, ...changes } as Certificate;
}

const DEPLOYMENT = Object.fromEntries(
  ["EnergyMarket", "GridToken", "PowerCoinDesk", "RenewableCertificate", "CertificateSales"].map((name, index) => [name, { address: address(String(index + 1)) }]),
);

function Tray() {
  return <ul>{useTransactionList().list.map(({ id, title, state, note }) => <li key={id} title={note}>{`${title}: ${state}`}</li>)}</ul>;
}

function show(part: ReactNode) {
  const config = { chain_id: 1, explorer_url: null, deployment: DEPLOYMENT } as unknown as ServiceConfig;
  render(
    <QueryClientProvider client={new QueryClient()}>
      <ServiceContext value={{ config, chain: {} as Chain }}>
        <TransactionProvider>
          <MemoryRouter>{part}</MemoryRouter>
          <Tray />
        </TransactionProvider>
      </ServiceContext>
    </QueryClientProvider>,
  );
}

const declined = () => Promise.reject(Object.assign(new Error("no"), { code: 4001 }));
const calls = () => world.signed.map(({ address: to, functionName, args, value }) => [to, functionName, args, value]);

beforeEach(() => {
  Object.assign(world, { wallet: SELLER, reads: { isApprovedForAll: true, balanceOf: 0n, etherFor: 7n * 10n ** 15n, offerOf: [{ priceMicroInr: 0n, closesAt: 0 }, false] }, signed: [], refusal: null, sign: () => Promise.resolve("0x01") });
});

describe("a price", () => {
  it.each([
    ["12.5", 12_500_000n],
    ["Rs 0.000001", 1n],
    ["72057594037.927935", 2n ** 56n - 1n],
  ])("%s is %s micro-rupees", (text, value) => {
    expect(parsePrice(text)).toEqual({ ok: true, value });
  });
  it.each([
    ["", "Enter an amount"],
    ["0", "transfer it"],
    ["-1", "digits"],
    ["1.0000001", "6 decimals"],
    ["72057594037.927936", "at most"],
  ])("%j is none: %s", (text, fix) => {
    expect(parsePrice(text)).toMatchObject({ ok: false, problem: expect.stringContaining(fix) as string });
  });
  it("per kWh is rounded up", () => {
    expect(perKwhUp(10n, 3)).toBe(3_334n);
    expect(perKwhUp(9n, 3)).toBe(3_000n);
  });
  it("ends by the chain’s clock", () => {
    expect(closesAt(NOW, 30)).toBe(NOW + 30 * DAY_S);
  });
});

describe("what is for sale", () => {
  it("is sorted by the price of a kWh, then by age; what is over or not offered is left out", () => {
    const list = [
      certificate(1, offerAt(9_000_000)),
      certificate(2, offerAt(4_000_000, { closes_at: NOW })),
      certificate(3, null),
      certificate(5, offerAt(8_000_000)),
      certificate(4, offerAt(4_000_000), { wh: 1_000 }),
    ];
    expect(cheapestFirst(list, NOW).map((one) => one.certificate_id)).toEqual([4, 5, 1]);
  });
});

describe("an own certificate", () => {
  /** The contract's offer of certificate 7, open or not, until a time. */
  const offered = (priceMicroInr: bigint, stillOpen = true, until = NOW + DAY_S) => {
    world.reads.offerOf = [{ seller: SELLER, priceMicroInr, closesAt: until }, stillOpen];
  };
  const open = async () => {
    show(<CertificateCard certificate={certificate(7, null)} />);
    await userEvent.click(screen.getByTestId("offer-7"));
  };
  const submit = () => screen.getByTestId("certificate-submit");

  it("is offered at a price, whose price of a kWh is shown, for as long as is chosen", async () => {
    await open();
    expect(submit()).toBeDisabled();
    await userEvent.type(screen.getByTestId("offer-price"), "5");
    expect(screen.getByTestId("certificate-dialog")).toHaveTextContent("Rs 2.50 per kWh");
    expect(screen.getByTestId("certificate-dialog")).not.toHaveTextContent("first time");
    await userEvent.click(screen.getByTestId("offer-days-30"));
    await waitFor(() => { expect(submit()).toBeEnabled(); });
    await userEvent.click(submit());
    await waitFor(() => { expect(screen.queryByTestId("offer-price")).toBeNull(); });
    expect(calls()).toEqual([[SALES, "offer", [7n, 5_000_000n, BigInt(NOW + 30 * DAY_S)], undefined]]);
  });

  it("names what is wrong with the price at the field", async () => {
    await open();
    await userEvent.type(screen.getByTestId("offer-price"), "0");
    expect(screen.getByRole("alert")).toHaveTextContent("Enter more than zero");
    expect(screen.getByTestId("offer-price")).toHaveAccessibleDescription(/more than zero/);
    expect(submit()).toBeDisabled();
  });

  it("asks once for the approval, says what it means, and offers nothing if that is declined", async () => {
    world.reads.isApprovedForAll = false;
    world.sign = declined;
    await open();
    await userEvent.type(screen.getByTestId("offer-price"), "5");
    expect(await screen.findByText(/hand over a certificate that you offer, to who pays your price, and no other/)).toBeVisible();
    await userEvent.click(submit());
    expect(await screen.findByText("Allow the sale of your certificates: declined")).toBeVisible();
    expect(screen.queryByText(/Offer certificate 7 for Rs/)).toBeNull();
    world.sign = () => Promise.resolve("0x01");
    await userEvent.click(submit());
    expect(await screen.findByText("Offer certificate 7 for Rs 5.00: done")).toBeVisible();
    expect(calls().map(([, name, args]) => [name, (args as unknown[])[0]])).toEqual([["setApprovalForAll", SALES], ["offer", 7n]]);
  });

  it("keeps what was entered when the offer is declined", async () => {
    world.sign = declined;
    await open();
    await userEvent.type(screen.getByTestId("offer-price"), "5");
    await waitFor(() => { expect(submit()).toBeEnabled(); });
    await userEvent.click(submit());
    expect(await screen.findByText("Offer certificate 7 for Rs 5.00: declined")).toBeVisible();
    expect(screen.getByTestId("offer-price")).toHaveValue("5");
  });

  it("shows its offer, starts a change from it, and takes it back", async () => {
    offered(5_000_001n);
    show(<CertificateCard certificate={certificate(7, null)} />);
    expect(await screen.findByText("For sale at Rs 5.000001")).toBeVisible();
    expect(screen.getByTestId("certificate-7")).toHaveTextContent("Rs 5.000001, Rs 2.51 per kWh, until");
    await userEvent.click(screen.getByRole("button", { name: "Change offer" }));
    expect(screen.getByTestId("offer-price")).toHaveValue("5.000001");
    await userEvent.click(screen.getByRole("button", { name: "Close" }));
    await userEvent.click(screen.getByTestId("take-back-7"));
    expect(await screen.findByText("Take back the offer of certificate 7: done")).toBeVisible();
    expect(calls()).toEqual([[SALES, "withdrawOffer", [7n], undefined]]);
  });

  it.each([
    [false, "may no longer hand it over"],
    [true, "paused"],
  ])("says why nobody can buy it while the approval is %s and the offer is not open", async (allowed, why) => {
    world.reads.isApprovedForAll = allowed;
    offered(5_000_000n, false);
    show(<CertificateCard certificate={certificate(7, null)} />);
    expect(await screen.findByText(/Nobody can buy it/)).toHaveTextContent(why);
    expect(screen.getByTestId("take-back-7")).toBeEnabled();
  });

  it("is for sale no more once the time is over", async () => {
    offered(5_000_000n, false, NOW);
    await open();
    expect(await screen.findByText(/^Until/)).toBeVisible();
    expect(screen.queryByTestId("take-back-7")).toBeNull();
    expect(screen.getByTestId("offer-price")).toHaveValue("");
  });

  it("says that retiring ends the offer", async () => {
    offered(5_000_000n);
    show(<CertificateCard certificate={certificate(7, null)} />);
    await screen.findByTestId("take-back-7");
    await userEvent.click(screen.getByTestId("retire-7"));
    expect(screen.getByTestId("certificate-dialog")).toHaveTextContent("That offer ends with this.");
  });
});

describe("the tab of what is for sale", () => {
  afterEach(() => { vi.unstubAllGlobals(); });

  const open = (...certificates: Certificate[]) => {
    vi.stubGlobal("fetch", (path: string) =>
      Promise.resolve(path === "/api/certificates?limit=200&offered=true" ? Response.json({ certificates, next_before: null }) : new Response("", { status: 404 })),
    );
    show(<SaleTab />);
  };
  const offered = () => certificate(7, offerAt(5_000_000)) as OfferedCertificate;
  const buy = async () => {
    await userEvent.click(await screen.findByTestId("buy-7"));
    await screen.findByTestId("sale-quote");
  };
  const chainOffers = (priceMicroInr: bigint, stillOpen = true) => {
    world.wallet = BUYER;
    world.reads.offerOf = [{ seller: SELLER, priceMicroInr, closesAt: NOW + DAY_S }, stillOpen];
  };

  it("says how something comes here while there is nothing", async () => {
    open();
    expect(await screen.findByText(/Nobody sells a certificate now/)).toHaveTextContent("offers it under Mine");
  });

  it("shows the cheapest kWh first, with price, energy and end", async () => {
    open(certificate(1, offerAt(9_000_000)), offered());
    const rows = await screen.findAllByRole("listitem").then((all) => all.filter((one) => one.dataset.testid?.startsWith("sale-")));
    expect(rows.map((one) => one.dataset.testid)).toEqual(["sale-7", "sale-1"]);
    expect(rows[0]).toHaveTextContent("2 kWh");
    expect(rows[0]).toHaveTextContent("Rs 5.00Rs 2.50 per kWh");
  });

  it("lets its owner take it back instead of buying it", async () => {
    open(offered());
    const row = await screen.findByTestId("sale-7");
    expect(row).toHaveTextContent("yours");
    expect(screen.queryByTestId("buy-7")).toBeNull();
    await userEvent.click(within(row).getByTestId("take-back-7"));
    await waitFor(() => { expect(calls()).toEqual([[SALES, "withdrawOffer", [7n], undefined]]); });
  });

  it("is open to see without a wallet, and asks for one to buy", async () => {
    world.wallet = undefined;
    open(offered());
    expect(await screen.findByTestId("sale-7")).toHaveTextContent("Rs 5.00");
    expect(screen.queryByTestId("buy-7")).toBeNull();
    expect(screen.getByTestId("needs-wallet")).toBeVisible();
  });

  it("takes INR where the wallet has enough, after one approval, and says whose it is now", async () => {
    chainOffers(5_000_000n);
    Object.assign(world.reads, { balanceOf: 5_000_000n, isApprovedForAll: false });
    open(offered());
    await buy();
    expect(screen.getByTestId("pay-inr")).toBeChecked();
    expect(await screen.findByText(/also allow the sale to take INR/)).toBeVisible();
    await userEvent.click(screen.getByTestId("certificate-submit"));
    expect(await screen.findByText(/Certificate 7 is yours/)).toBeVisible();
    expect(screen.queryByTestId("sale-quote")).toBeNull();
    expect(screen.queryByTestId("sale-7")).toBeNull();
    expect(calls()).toEqual([
      [DEPLOYMENT.GridToken?.address, "setApprovalForAll", [SALES, true], undefined],
      [SALES, "buy", [7n, 5_000_000n], undefined],
    ]);
  });

  it("takes ether where it has not, and refuses INR that is not there", async () => {
    chainOffers(5_000_000n);
    world.reads.balanceOf = 4_999_999n;
    open(offered());
    await buy();
    expect(await screen.findByText(/Send 0.007 ETH; what is not needed comes back as INR/)).toBeVisible();
    await userEvent.click(screen.getByTestId("pay-inr"));
    expect(screen.getByText(/You hold Rs 4.99/)).toBeVisible();
    expect(screen.getByTestId("certificate-submit")).toBeDisabled();
    await userEvent.click(screen.getByTestId("pay-ether"));
    await userEvent.click(screen.getByTestId("certificate-submit"));
    await waitFor(() => { expect(calls()).toEqual([[SALES, "buy", [7n, 5_000_000n], 7n * 10n ** 15n]]); });
  });

  it("signs the price that the contract asks, whatever the list still says", async () => {
    chainOffers(6_000_000n);
    world.reads.balanceOf = 10_000_000n;
    open(offered());
    await buy();
    expect(screen.getByTestId("sale-quote")).toHaveTextContent("Rs 6.00");
    await userEvent.click(screen.getByTestId("certificate-submit"));
    await waitFor(() => { expect(calls()).toEqual([[SALES, "buy", [7n, 6_000_000n], undefined]]); });
  });

  it("says so where the contract sells it no more", async () => {
    chainOffers(5_000_000n, false);
    open(offered());
    await userEvent.click(await screen.findByTestId("buy-7"));
    expect(await screen.findByText(/cannot be bought now/)).toBeVisible();
    expect(screen.queryByTestId("certificate-submit")).toBeNull();
  });

  it("says in a sentence why the contract refuses, and asks for no signature", async () => {
    chainOffers(5_000_000n);
    world.reads.balanceOf = 5_000_000n;
    const data = encodeErrorResult({ abi: errorsAbi, errorName: "CertificateSales_PriceDiffers", args: [7n, 5_000_000n, 6_000_000n] });
    world.refusal = new ContractFunctionRevertedError({ abi: errorsAbi, data, functionName: "buy" });
    open(offered());
    await buy();
    await userEvent.click(screen.getByTestId("certificate-submit"));
    const failed = await screen.findByText("Buy certificate 7 for Rs 5.00: failed");
    expect(failed).toHaveAttribute("title", "Certificate 7 now costs Rs 6.00. Look at the new price and try again.");
    expect(world.signed).toEqual([]);
  });

  it("keeps the dialog open when the signature is declined", async () => {
    chainOffers(5_000_000n);
    world.reads.balanceOf = 5_000_000n;
    world.sign = declined;
    open(offered());
    await buy();
    await userEvent.click(screen.getByTestId("certificate-submit"));
    expect(await screen.findByText("Buy certificate 7 for Rs 5.00: declined")).toBeVisible();
    expect(screen.getByTestId("certificate-submit")).toBeEnabled();
    expect(screen.queryByText(/is yours/)).toBeNull();
  });
});
