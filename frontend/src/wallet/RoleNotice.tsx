import { Notice } from "../ui/Notice";
import type { ROLE } from "../contracts/deployment";
import { useRole } from "./useRole";
import { useWallet } from "./useWallet";

/** Says what a wallet without the role can and cannot do on a page. */
export function RoleNotice({ role }: { role: keyof typeof ROLE }) {
  const { connected } = useWallet();
  const holds = useRole(role);
  if (!connected) return <Notice testId="role-notice">{`Everybody can look at this page. To change something, connect the ${role}’s wallet.`}</Notice>;
  if (holds === false) {
    return (
      <Notice tone="warn" testId="role-notice">
        {`This wallet is not the community’s ${role}. You can try things out here, but the contracts will refuse what you sign.`}
      </Notice>
    );
  }
  return null;
}
