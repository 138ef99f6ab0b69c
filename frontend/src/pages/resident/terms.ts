/** What each way of paying means to a household, in a sentence. */

import type { ModeName } from "../../contracts/deployment";

export const TERMS_SENTENCES: Record<ModeName, string> = {
  prepaid: "You buy energy first and your use is taken from it; at zero, after a small credit, supply stops until you top up.",
  billed: "You use first and pay a bill by the published tariff at the end of each period; an overdue bill stops supply.",
  market:
    "You trade with your neighbours slot by slot: what you ordered ahead at its slot’s price, the rest at the slot’s end, all of it from your market account. No bill is written, and no energy units are booked.",
  on_request: "Power flows here only for requests that somebody has paid for.",
  community: "The community itself pays for what it uses.",
};

export const TERMS_WORDS: Record<ModeName, string> = {
  prepaid: "prepaid",
  billed: "billed",
  market: "in market terms",
  on_request: "supplied on request",
  community: "the community’s",
};

/** Why a meter has no bills. */
export const NO_BILL_SENTENCES: Record<ModeName, string> = {
  billed: "No bill yet.",
  prepaid: "Prepaid: there is nothing to bill.",
  market: "Market terms: every slot is settled from your market account, and no bill is written.",
  on_request: "Paid request by request: there is nothing to bill.",
  community: "The community pays: there is nothing to bill.",
};
