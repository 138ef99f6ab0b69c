/** Live notices of the service, written into the queries the pages already use. */

import type { QueryClient } from "@tanstack/react-query";
import type { Socket } from "socket.io-client";

import { type FieldLayer, fieldKeys, withNews } from "../api/field";
import { keys } from "../api/queries";
import type { Relay, RelayOverview, Slot, Summary } from "../api/types";
import { CHAIN_READ } from "../contracts/call";

export type LiveState = "connecting" | "live" | "reconnecting";

const FLUSH_MS = 700;

/** Makes queries old at most once per FLUSH_MS, however many notices come. */
export class Refresher {
  private readonly waiting = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly queries: Pick<QueryClient, "invalidateQueries">) {}

  mark(...firstKeys: string[]): void {
    firstKeys.forEach((key) => this.waiting.add(key));
    this.timer ??= setTimeout(() => {
      this.flush();
    }, FLUSH_MS);
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.waiting.clear();
  }

  private flush(): void {
    const due = [...this.waiting];
    this.stop();
    for (const key of due) void this.queries.invalidateQueries({ queryKey: [key] });
  }
}

/** Subscribes to all notices. Returns what ends the subscription. */
export function follow(socket: Socket, queries: QueryClient, onState: (state: LiveState) => void): () => void {
  const refresher = new Refresher(queries);
  let before = false;

  const handlers: Record<string, (payload: never) => void> = {
    connect: () => {
      onState("live");
      // What happened while the line was down is not sent again: ask for all of it.
      if (before) void queries.invalidateQueries();
      before = true;
    },
    disconnect: () => { onState("reconnecting"); },
    connect_error: () => { onState(before ? "reconnecting" : "connecting"); },
    summary: (summary: Summary) => { queries.setQueryData(keys.summary, summary); },
    slot: (slot: Slot) => {
      queries.setQueryData(keys.slot(slot.slot), slot);
      refresher.mark("slots", CHAIN_READ, "readings");
    },
    relay: (relay: Relay) => {
      queries.setQueryData<RelayOverview>(keys.relays, (old) => old && { ...old, relays: withRelay(old.relays, relay) });
      queries.setQueryData<Summary>(keys.summary, (old) => old && { ...old, relays: withRelay(old.relays, relay) });
      refresher.mark("relays");
    },
    chain: () => { refresher.mark(CHAIN_READ, "chain-events", "prices", "meters", "relays", "access"); },
    field: (news: FieldLayer) => {
      queries.setQueryData<FieldLayer>(fieldKeys.field, (old) => old && withNews(old, news));
      refresher.mark(...fieldKeys.demo);
    },
    health: () => { refresher.mark("health"); },
    reading: () => { refresher.mark("readings"); },
  };

  for (const [name, handler] of Object.entries(handlers)) socket.on(name, handler as (payload: unknown) => void);
  return () => {
    for (const [name, handler] of Object.entries(handlers)) socket.off(name, handler as (payload: unknown) => void);
    refresher.stop();
  };
}

function withRelay(relays: readonly Relay[], changed: Relay): Relay[] {
  return relays.map((one) => (one.switch_id === changed.switch_id ? { ...one, ...changed } : one));
}
