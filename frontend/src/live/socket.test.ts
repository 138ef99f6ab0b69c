import { QueryClient } from "@tanstack/react-query";
import type { Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { type FieldLayer, fieldKeys } from "../api/field";
import { keys } from "../api/queries";
import type { RelayOverview } from "../api/types";
import { relay } from "../test/samples";
import { follow } from "./socket";

/** The two halves of a socket that following uses. */
class FakeSocket {
  private readonly handlers = new Map<string, (payload?: unknown) => void>();
  on(name: string, handler: (payload?: unknown) => void) { this.handlers.set(name, handler); }
  off(name: string) { this.handlers.delete(name); }
  receive(name: string, payload?: unknown) { this.handlers.get(name)?.(payload); }
  get listening() { return this.handlers.size; }
}

describe("following the service", () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  const start = () => {
    const socket = new FakeSocket();
    const queries = new QueryClient();
    const invalidate = vi.spyOn(queries, "invalidateQueries");
    const states: string[] = [];
    const stop = follow(socket as unknown as Socket, queries, (state) => states.push(state));
    return { socket, queries, invalidate, states, stop };
  };

  it("asks for everything again after a reconnect, not at the first connect", () => {
    const { socket, invalidate, states } = start();
    socket.receive("connect");
    expect(invalidate).not.toHaveBeenCalled();
    socket.receive("disconnect");
    socket.receive("connect_error");
    socket.receive("connect");
    expect(invalidate).toHaveBeenCalledExactlyOnceWith();
    expect(states).toEqual(["live", "reconnecting", "reconnecting", "live"]);
  });

  it("writes summaries and relays into what pages show", () => {
    const { socket, queries } = start();
    socket.receive("summary", { at_ms: 5, relays: [] });
    expect(queries.getQueryData(keys.summary)).toEqual({ at_ms: 5, relays: [] });
    const overview = { relays: [relay({ switch_id: 1 }), relay({ switch_id: 2 })] } as RelayOverview;
    queries.setQueryData(keys.relays, overview);
    socket.receive("relay", relay({ switch_id: 2, acknowledged_closed: false }));
    expect(queries.getQueryData<RelayOverview>(keys.relays)?.relays.map((one) => one.acknowledged_closed)).toEqual([true, false]);
  });

  it("writes what nodes tell into the field, and looks at the simulated air again", () => {
    const { socket, queries, invalidate } = start();
    socket.receive("field", { nodes: [], links: [], changes: [] });
    expect(queries.getQueryData(fieldKeys.field)).toBeUndefined();
    queries.setQueryData(fieldKeys.field, { nodes: [{ node_id: 3, hops: 2 }], links: [], changes: [] });
    socket.receive("field", { nodes: [{ node_id: 3, hops: 1 }], links: [], changes: [] });
    expect(queries.getQueryData<FieldLayer>(fieldKeys.field)?.nodes).toEqual([{ node_id: 3, hops: 1 }]);
    vi.advanceTimersByTime(1_000);
    expect(invalidate.mock.calls).toEqual([[{ queryKey: fieldKeys.demo }]]);
  });

  it("makes queries old once for a burst of notices", () => {
    const { socket, invalidate } = start();
    for (let notice = 0; notice < 50; notice++) socket.receive("chain", {});
    expect(invalidate).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1_000);
    const marked = invalidate.mock.calls.map(([filter]) => (filter as { queryKey: string[] }).queryKey[0]);
    expect(new Set(marked).size).toBe(marked.length);
    expect(marked).toContain("chain-read");
    expect(marked).toContain("chain-events");
  });

  it("lets go of everything at the end", () => {
    const { socket, invalidate, stop } = start();
    socket.receive("chain", {});
    stop();
    vi.advanceTimersByTime(1_000);
    expect(socket.listening).toBe(0);
    expect(invalidate).not.toHaveBeenCalled();
  });
});
