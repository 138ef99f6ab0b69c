import { useEffect, useRef } from "react";

import { lengthOf, pointOn } from "./flowGeometry";
import { dotSpeed, type Flow } from "./flows";

const SPACING = 42;

/** Dots that travel along one flow, as fast as it is strong. Where reduced motion is wished they stand still. */
export function FlowDots({ flow }: { flow: Flow }) {
  const group = useRef<SVGGElement>(null);
  const latest = useRef(flow);
  const phase = useRef(0);
  useEffect(() => {
    latest.current = flow;
  }, [flow]);

  const length = lengthOf(flow.node);
  const count = Math.max(2, Math.round(length / SPACING));

  useEffect(() => {
    const element = group.current;
    if (!element) return;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    let frame = 0;
    let before = performance.now();
    const draw = (time: number) => {
      const passed = Math.min(0.1, (time - before) / 1000);
      before = time;
      phase.current = (phase.current + (dotSpeed(latest.current.watts) * passed) / length) % 1;
      const inwards = latest.current.direction === "in";
      for (let index = 0; index < element.children.length; index++) {
        const way = (phase.current + index / count) % 1;
        const { x, y } = pointOn(latest.current.node, inwards ? way : 1 - way);
        element.children[index]?.setAttribute("cx", x.toFixed(1));
        element.children[index]?.setAttribute("cy", y.toFixed(1));
      }
      if (!still) frame = requestAnimationFrame(draw);
    };
    draw(before);
    return () => { cancelAnimationFrame(frame); };
  }, [length, count]);

  return (
    <g ref={group} className={`flow__dots flow__dots--${flow.node}`}>
      {Array.from({ length: count }, (_, index) => (
        <circle key={index} r={3.5} />
      ))}
    </g>
  );
}
