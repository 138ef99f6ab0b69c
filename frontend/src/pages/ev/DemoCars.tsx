import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { request } from "../../api/client";
import { useService } from "../../app/service";
import { explain } from "../../contracts/refusal";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";

interface DemoCar {
  name: string;
  id_token: string;
  charge_point_id: string | null;
}

const KEY = ["demo-cars"] as const;

/** In the demonstration: simulated cars to try the page with. */
export function DemoCars() {
  const { config } = useService();
  const queries = useQueryClient();
  const offered = config.demo_field === true;
  const found = useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) => (await request<{ cars: DemoCar[] }>("/api/demo/cars", { signal })).cars,
    enabled: offered,
    retry: 1,
  });
  const send = useMutation({
    mutationFn: async (body: { name: string; here: boolean }) => (await request<{ cars: DemoCar[] }>("/api/demo/cars", { method: "POST", body })).cars,
    onSuccess: (cars) => { queries.setQueryData(KEY, cars); },
  });
  if (!offered || !found.data || found.data.length === 0) return null;
  return (
    <Card title="A car to try it with" aside="simulated" testId="demo-cars">
      <p className="muted">Register a car of 60 kWh, send for this one, and link its card while it is here. Its card is whose wallet links it first.</p>
      <ul className="lots">
        {found.data.map((car) => (
          <li key={car.id_token} className="lots__one" data-testid={`demo-car-${car.id_token}`} data-place={car.charge_point_id ?? "away"}>
            <strong>{car.name}</strong>
            <span>{`card ${car.id_token}`}</span>
            <span>{car.charge_point_id === null ? "away" : `at ${car.charge_point_id}`}</span>
            <button type="button" className="button button--quiet button--small" disabled={send.isPending} data-testid={`send-${car.id_token}`} onClick={() => { send.mutate({ name: car.name, here: car.charge_point_id === null }); }}>
              {car.charge_point_id === null ? "Send for it" : "Send it away"}
            </button>
          </li>
        ))}
      </ul>
      {send.error && <Notice tone="bad" live>{explain(send.error)}</Notice>}
    </Card>
  );
}
