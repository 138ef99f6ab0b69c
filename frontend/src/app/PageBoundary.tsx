import { Component, type ReactNode } from "react";

import { Notice } from "../ui/Notice";

/** A page that breaks says so and leaves the others standing; also for a page whose code was replaced by a newer one. */
export class PageBoundary extends Component<{ children: ReactNode }, { problem: string | null }> {
  override state: { problem: string | null } = { problem: null };

  static getDerivedStateFromError(error: unknown): { problem: string } {
    return { problem: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    const { problem } = this.state;
    if (problem === null) return this.props.children;
    return (
      <div className="stack">
        <Notice tone="bad" live>{`This page could not be shown: ${problem}`}</Notice>
        <div>
          <button type="button" className="button" onClick={() => { window.location.reload(); }}>
            Reload
          </button>
        </div>
      </div>
    );
  }
}
