import type { ReactNode } from "react";

import { explain } from "../contracts/refusal";
import { Notice } from "./Notice";

interface Query<Data> {
  data: Data | undefined;
  error: Error | null;
  isPending: boolean;
}

interface Props<Data> {
  query: Query<Data>;
  /** What is being loaded, as in "the slots". */
  what: string;
  children: (data: Data) => ReactNode;
}

/** A query's data; until then a quiet placeholder, or why there is none. Old data stay while newer cannot be had. */
export function Answer<Data>({ query, what, children }: Props<Data>) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error) return <Notice tone="bad">{`Could not load ${what}. ${explain(query.error)}`}</Notice>;
  return (
    <div className="placeholder" role="status">
      {`Loading ${what}…`}
    </div>
  );
}
