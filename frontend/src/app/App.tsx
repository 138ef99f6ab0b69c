import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { BrowserRouter } from "react-router-dom";
import { WagmiProvider } from "wagmi";

import { request } from "../api/client";
import type { ServiceConfig } from "../api/types";
import { explain } from "../contracts/refusal";
import { LiveProvider } from "../live/LiveProvider";
import { TransactionProvider } from "../transactions/context";
import { chainOf, walletConfig } from "../wallet/config";
import { SessionProvider } from "../wallet/SessionContext";
import { Pages } from "./Pages";
import { ServiceContext } from "./service";

export function App() {
  const [queries] = useState(
    () =>
      new QueryClient({
        // Live notices say when something is old; polling is not needed.
        defaultOptions: { queries: { staleTime: 10_000, retry: 2, refetchOnWindowFocus: true } },
      }),
  );
  return (
    <QueryClientProvider client={queries}>
      <Start />
    </QueryClientProvider>
  );
}

/** Chain and contracts come from the service, so nothing can be shown before it answered. */
function Start() {
  const config = useQuery({
    queryKey: ["config"],
    queryFn: ({ signal }) => request<ServiceConfig>("/api/config", { signal }),
    staleTime: Infinity,
    retry: true,
    retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 5_000),
  });
  if (config.data) return <Connected config={config.data} />;
  return (
    <div className="start" role="status">
      <h1>Ohmstead</h1>
      <p>{config.failureReason ? `${explain(config.failureReason)} Trying again…` : "Connecting to the microgrid…"}</p>
    </div>
  );
}

function Connected({ config }: { config: ServiceConfig }) {
  const service = useMemo(() => ({ config, chain: chainOf(config) }), [config]);
  const wagmi = useMemo(() => walletConfig(service.config, service.chain), [service]);
  return (
    <ServiceContext value={service}>
      <WagmiProvider config={wagmi} reconnectOnMount>
        <LiveProvider>
          <SessionProvider>
            <TransactionProvider>
              <BrowserRouter>
                <Pages />
              </BrowserRouter>
            </TransactionProvider>
          </SessionProvider>
        </LiveProvider>
      </WagmiProvider>
    </ServiceContext>
  );
}
