/** Signing in by an EIP-4361 message, so that the service shows a household what is its own. */

import type { Address } from "viem";

import { query, request } from "../api/client";
import type { Challenge, Session } from "../api/types";

export interface StoredSession extends Session {
  account: Address;
}

type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const keyOf = (account: Address): string => `ohmstead.session.${account.toLowerCase()}`;

/** The account's session if it is still good for a minute. */
export function storedSession(storage: Store, account: Address, nowSeconds: number): StoredSession | null {
  try {
    const found = JSON.parse(storage.getItem(keyOf(account)) ?? "null") as StoredSession | null;
    if (found && typeof found.token === "string" && found.expires_at > nowSeconds + 60) return found;
  } catch {
    // Not ours, or from an older page: ask again.
  }
  storage.removeItem(keyOf(account));
  return null;
}

export function forgetSession(storage: Store, account: Address): void {
  storage.removeItem(keyOf(account));
}

/** Fetches a challenge, has it signed and trades it for a session. Throws what the service or the wallet says. */
export async function signIn(
  storage: Store,
  account: Address,
  sign: (message: string) => Promise<string>,
): Promise<StoredSession> {
  const { message } = await request<Challenge>(`/api/auth/challenge${query({ account })}`);
  const signature = await sign(message);
  const session = await request<Session>("/api/auth/session", { method: "POST", body: { message, signature } });
  const stored = { ...session, account };
  storage.setItem(keyOf(account), JSON.stringify(stored));
  return stored;
}
