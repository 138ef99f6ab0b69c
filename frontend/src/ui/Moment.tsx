import { formatAgo, formatMoment, viewerZone } from "../units/time";
import { useNow } from "./useNow";

/** A point in time in the viewer's zone; `ago` says how long since, with the moment as its title. */
export function Moment({ seconds, ago = false }: { seconds: number; ago?: boolean }) {
  const now = useNow(15_000);
  const moment = formatMoment(seconds);
  return (
    <time dateTime={new Date(seconds * 1000).toISOString()} title={`${moment} (${viewerZone})`}>
      {ago ? formatAgo(seconds, now / 1000) : moment}
    </time>
  );
}
