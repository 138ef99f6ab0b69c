import { useRead } from "../contracts/call";
import { ROLE } from "../contracts/deployment";
import { useWallet } from "./useWallet";

/** Whether the connected wallet holds a role; undefined until known or without a wallet. */
export function useRole(role: keyof typeof ROLE): boolean | undefined {
  const { address } = useWallet();
  const member = useRead("AccessManager", "hasRole", address ? [ROLE[role], address] : null);
  return member.data?.[0];
}
