import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { io, type Socket } from "socket.io-client";

import { follow, type LiveState } from "./socket";

interface Live {
  state: LiveState;
  socket: Socket;
}

const LiveContext = createContext<Live | null>(null);

export function LiveProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");
  const [socket] = useState(() =>
    io({ autoConnect: false, transports: ["websocket", "polling"], reconnectionDelayMax: 5_000 }),
  );

  useEffect(() => {
    const unfollow = follow(socket, queries, setState);
    socket.connect();
    return () => {
      unfollow();
      socket.disconnect();
    };
  }, [socket, queries]);

  const value = useMemo(() => ({ state, socket }), [state, socket]);
  return <LiveContext value={value}>{children}</LiveContext>;
}

export function useLiveState(): LiveState {
  return useLive().state;
}

/** Joins the room of a meter's own readings while shown, again after each reconnect. */
export function useMeterRoom(meter: number | undefined, token: string | null): void {
  const { socket } = useLive();
  useEffect(() => {
    if (meter === undefined || token === null) return;
    const join = () => { socket.emit("join", { meter, token }); };
    if (socket.connected) join();
    socket.on("connect", join);
    return () => { socket.off("connect", join); };
  }, [socket, meter, token]);
}

function useLive(): Live {
  const value = useContext(LiveContext);
  if (!value) throw new Error("outside of LiveProvider");
  return value;
}
