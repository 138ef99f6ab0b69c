import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { query, request } from "../../api/client";
import type { Car } from "../../api/vehicles";
import { explain } from "../../contracts/refusal";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { useSession } from "../../wallet/SessionContext";
import { SignInPrompt } from "../../wallet/SignInPrompt";
import { useSigner, useWallet } from "../../wallet/useWallet";

interface Token {
  id_token: string;
  ev_id: number | null;
  label: string;
  blocked: boolean;
}

const KEY = ["charging-tokens"] as const;
const CARRIED = /^[a-z0-9*_=:+|@.-]{4,20}$/;

/** Charging cards of the wallet's cars: a card held to a charger is linked by a signed text. */
export function LinkCard({ cars }: { cars: readonly Car[] }) {
  const { token } = useSession();
  return (
    <Card title="Charging cards" testId="charging-cards">
      {token === null ? <SignInPrompt purpose="see and link your charging cards" /> : <Cards cars={cars} token={token} />}
    </Card>
  );
}

function Cards({ cars, token }: { cars: readonly Car[]; token: string }) {
  const known = useQuery({
    queryKey: [...KEY, token],
    queryFn: async ({ signal }) => (await request<{ tokens: Token[] }>("/api/charging/tokens", { token, signal })).tokens,
  });
  return (
    <>
      <Answer query={known} what="your cards">
        {(found) =>
          found.length === 0 ? (
            <p className="muted">None yet.</p>
          ) : (
            <ul className="lots">
              {found.map((one) => (
                <li key={one.id_token} className="lots__one" data-testid={`card-${one.id_token}`}>
                  <strong>{one.label || one.id_token}</strong>
                  <span>{one.ev_id ? `car ${one.ev_id}` : "no car"}</span>
                  {one.blocked && <Badge tone="bad">blocked</Badge>}
                </li>
              ))}
            </ul>
          )
        }
      </Answer>
      <Form cars={cars} token={token} />
    </>
  );
}

function Form({ cars, token }: { cars: readonly Car[]; token: string }) {
  const signer = useSigner();
  const { address } = useWallet();
  const client = useQueryClient();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState<number | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [signing, setSigning] = useState(false);
  const name = text.trim().toLowerCase();
  const ev = chosen ?? cars[0]?.ev_id ?? 0;
  const wrong = name !== "" && !CARRIED.test(name) ? "A card’s number has 4 to 20 letters, digits or signs such as - and _." : null;

  const link = async () => {
    if (!address) return;
    setProblem(null);
    setSigning(true);
    try {
      const asked = await request<{ text: string; issued_at: number }>(`/api/charging/tokens/text${query({ id_token: name, ev_id: ev })}`, { token });
      const wallet = await signer();
      const signature = await wallet.signMessage({ account: wallet.account ?? address, message: asked.text });
      await request("/api/charging/tokens", { method: "POST", token, body: { id_token: name, ev_id: ev, issued_at: asked.issued_at, signature } });
      setText("");
      await client.invalidateQueries({ queryKey: KEY });
    } catch (error) {
      setProblem(explain(error));
    } finally {
      setSigning(false);
    }
  };
  return (
    <>
      <div className="request-fields">
        <label className="field">
          <span>Card’s number</span>
          <span className={`field__box ${wrong ? "field__box--wrong" : ""}`}>
            <input value={text} data-testid="card-number" aria-invalid={wrong ? true : undefined} onChange={(event) => { setText(event.target.value); }} />
          </span>
          <span className={wrong ? "field__wrong" : "field__hint"} role={wrong ? "alert" : undefined}>{wrong ?? "Hold the card to a charger first, then link it within ten minutes."}</span>
        </label>
        <label className="field">
          <span>Car</span>
          <select className="select" value={ev} data-testid="card-car" onChange={(event) => { setChosen(Number(event.target.value)); }}>
            {cars.map((car) => (
              <option key={car.ev_id} value={car.ev_id}>{`Car ${car.ev_id}`}</option>
            ))}
          </select>
        </label>
      </div>
      {problem && <Notice tone="bad" live>{problem}</Notice>}
      <div>
        <button type="button" className="button" disabled={signing || name === "" || wrong !== null || ev === 0} data-testid="card-link" onClick={link}>Link the card</button>
      </div>
    </>
  );
}
