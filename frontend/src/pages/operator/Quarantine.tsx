import { useDismiss, useQuarantine } from "../../api/queries";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { Notice } from "../../ui/Notice";
import { useSession } from "../../wallet/SessionContext";
import { SignInPrompt } from "../../wallet/SignInPrompt";
import { useRole } from "../../wallet/useRole";

/** Readings that the service will not book before a person has looked. */
export function Quarantine() {
  const operator = useRole("operator");
  const { token } = useSession();
  const waiting = useQuarantine(operator ? token : null);
  const dismiss = useDismiss(token);
  if (!operator) return null;
  return (
    <Card title="Quarantine" aside="readings that wait for a person" testId="quarantine">
      {!token ? (
        <SignInPrompt purpose="see what waits for you" />
      ) : (
        <Answer query={waiting} what="the quarantine">
          {(entries) =>
            entries.length === 0 ? (
              <p className="muted">Nothing waits.</p>
            ) : (
              <div className="scroll-x">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Node</th>
                      <th scope="col">When</th>
                      <th scope="col">Why</th>
                      <th scope="col">After a look</th>
                    </tr>
                  </thead>
                  <tbody>
                    {entries.map((entry) => (
                      <tr key={entry.id}>
                        <th scope="row">{entry.node_id}</th>
                        <td><Moment seconds={entry.at} ago /></td>
                        <td>{`${entry.result}: ${entry.detail}`}</td>
                        <td>
                          <button
                            type="button"
                            className="button button--small button--quiet"
                            disabled={dismiss.isPending}
                            aria-label={`Dismiss the reading of node ${entry.node_id}`}
                            data-testid={`dismiss-${entry.id}`}
                            onClick={() => { dismiss.mutate(entry.id); }}
                          >
                            Dismiss
                          </button>
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )
          }
        </Answer>
      )}
      {dismiss.error && <Notice tone="bad" live>{dismiss.error.message}</Notice>}
    </Card>
  );
}
