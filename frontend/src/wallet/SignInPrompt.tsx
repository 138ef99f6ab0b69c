import { Notice } from "../ui/Notice";
import { useSession } from "./SessionContext";

/** Asks for the signature that opens private data. `purpose` completes "Sign in to …". */
export function SignInPrompt({ purpose }: { purpose: string }) {
  const { signIn, signingIn, problem } = useSession();
  return (
    <div className="stack">
      <p className="muted">
        {`Sign in to ${purpose}. Your wallet signs a message; it costs nothing and moves nothing.`}
      </p>
      <div>
        <button type="button" className="button" disabled={signingIn} data-testid="sign-in" onClick={signIn}>
          {signingIn ? "Waiting for the wallet…" : "Sign in"}
        </button>
      </div>
      {problem && <Notice tone="warn" live>{problem}</Notice>}
    </div>
  );
}
