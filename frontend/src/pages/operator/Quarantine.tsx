import { useQuarantine } from "../../api/queries";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { useSession } from "../../wallet/SessionContext";
import { SignInPrompt } from "../../wallet/SignInPrompt";
import { useRole } from "../../wallet/useRole";

/** Readings that the service will not book before a person has looked. */
export function Quarantine() {
  const operator = useRole("operator");
  const { token } = useSession();
  const waiting = useQuarantine(operator ? token : null);
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
                    </tr>
                  </thead>
                  <tbody>
                    {entries.map((entry) => (
                      <tr key={entry.id}>
                        <th scope="row">{entry.node_id}</th>
                        <td><Moment seconds={entry.at} ago /></td>
                        <td>{`${entry.result}: ${entry.detail}`}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )
          }
        </Answer>
      )}
    </Card>
  );
}
