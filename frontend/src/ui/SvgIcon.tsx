import { ICON_PATHS, type IconName } from "./Icon";

/** An icon inside a drawing, centred on the origin. */
export function SvgIcon({ name, size }: { name: IconName; size: number }) {
  const scale = size / 24;
  return (
    <g className="svg-icon" transform={`scale(${scale}) translate(-12 -12)`} aria-hidden="true">
      <path d={ICON_PATHS[name]} />
    </g>
  );
}
