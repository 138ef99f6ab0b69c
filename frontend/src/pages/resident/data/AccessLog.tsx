import { useAccessLog } from "../../../api/queries";
import { Answer } from "../../../ui/Answer";
import { Card } from "../../../ui/Card";
import { Moment } from "../../../ui/Moment";
import { ShortHash } from "../../../ui/ShortHash";

/** Every look that somebody else took at the household's data. */
export function AccessLog({ meter, token }: { meter: number; token: string }) {
  const log = useAccessLog(meter, token);
  return (
    <Card title="Who looked at your data" testId="access-log">
      <Answer query={log} what="the access log">
        {(entries) =>
          entries.length === 0 ? (
            <p className="muted">Nobody but you. A look by the operator would be listed here.</p>
          ) : (
            <div className="scroll-x">
              <table>
                <thead>
                  <tr>
                    <th scope="col">When</th>
                    <th scope="col">Who</th>
                    <th scope="col">What</th>
                  </tr>
                </thead>
                <tbody>
                  {entries.map((entry) => (
                    <tr key={`${entry.at}-${entry.account}-${entry.what}`}>
                      <td><Moment seconds={entry.at} /></td>
                      <td>{entry.role} <ShortHash value={entry.account} kind="address" /></td>
                      <td>{entry.what}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Answer>
    </Card>
  );
}
