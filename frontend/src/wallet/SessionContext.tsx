import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";

import { ApiError } from "../api/client";
import { explain, isRefusedByPerson } from "../contracts/refusal";
import { useNow } from "../ui/useNow";
import { forgetSession, signIn, storedSession, type StoredSession } from "./session";
import { useSigner, useWallet } from "./useWallet";

interface SessionValue {
  /** Token of the connected account's session; null until it signed in. */
  token: string | null;
  signingIn: boolean;
  problem: string | null;
  signIn: () => Promise<void>;
  /** Called when the service no longer takes the token. */
  forget: () => void;
}

const SessionContext = createContext<SessionValue | null>(null);
const PRIVATE_KEYS = ["readings", "access", "quarantine"];

export function SessionProvider({ children }: { children: ReactNode }) {
  const { address } = useWallet();
  const signer = useSigner();
  const now = useNow(30_000);
  const queries = useQueryClient();
  const [latest, setLatest] = useState<StoredSession | null>(null);
  const [signingIn, setSigningIn] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  // Of another account, or none: what is stored for this one, if anything.
  const session = useMemo(() => {
    if (!address) return null;
    if (latest?.account === address && latest.expires_at > now / 1000) return latest;
    return storedSession(window.sessionStorage, address, now / 1000);
  }, [address, latest, now]);

  const begin = useCallback(async () => {
    if (!address) return;
    setSigningIn(true);
    setProblem(null);
    try {
      const sign = async (message: string) => {
        const client = await signer();
        if (!client.account) throw new Error("no wallet is connected");
        return client.signMessage({ account: client.account, message });
      };
      setLatest(await signIn(window.sessionStorage, address, sign));
    } catch (error) {
      setProblem(isRefusedByPerson(error) ? "You declined in the wallet, so nothing private is shown." : explain(error));
    } finally {
      setSigningIn(false);
    }
  }, [address, signer]);

  const forget = useCallback(() => {
    if (address) forgetSession(window.sessionStorage, address);
    setLatest(null);
    for (const key of PRIVATE_KEYS) queries.removeQueries({ queryKey: [key] });
  }, [address, queries]);

  // The service restarted or ended the session: ask for a new signature instead of showing errors.
  useEffect(
    () =>
      queries.getQueryCache().subscribe((event) => {
        if (event.type !== "updated" || event.action.type !== "error") return;
        if (event.action.error instanceof ApiError && event.action.error.status === 401) forget();
      }),
    [queries, forget],
  );

  const value = useMemo(
    () => ({ token: session?.token ?? null, signingIn, problem, signIn: begin, forget }),
    [session, signingIn, problem, begin, forget],
  );
  return <SessionContext value={value}>{children}</SessionContext>;
}

export function useSession(): SessionValue {
  const value = useContext(SessionContext);
  if (!value) throw new Error("outside of SessionProvider");
  return value;
}
