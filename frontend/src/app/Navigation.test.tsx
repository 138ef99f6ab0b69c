// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { MemoryRouter } from "react-router-dom";
import { describe, expect, it } from "vitest";

import type { ServiceConfig } from "../api/types";
import { Navigation } from "./Navigation";
import { ServiceContext } from "./service";

// What the navigation looks at: which contracts there are.
const config = { deployment: {} } as ServiceConfig;

const show = (path: string) =>
  render(
    <ServiceContext value={{ config } as never}>
      <MemoryRouter initialEntries={[path]}>
        <Navigation />
      </MemoryRouter>
    </ServiceContext>,
  );
const more = () => screen.getByTestId("nav-more");

describe("the navigation", () => {
  it("has each page once, and none of a market that is not there", () => {
    show("/");
    const links = screen.getAllByRole("link").map((link) => link.getAttribute("href"));
    expect(new Set(links).size).toBe(links.length);
    expect(links).toContain("/audit");
    expect(links).not.toContain("/market");
  });

  it("opens the other pages behind a button, and closes by Escape, elsewhere and at the page chosen", async () => {
    const person = userEvent.setup();
    show("/");
    expect(more()).toHaveAttribute("aria-expanded", "false");
    for (const close of [
      () => person.keyboard("{Escape}"),
      () => person.click(document.body),
      () => person.click(screen.getByTestId("nav-audit")),
    ]) {
      await person.click(more());
      expect(more()).toHaveAttribute("aria-expanded", "true");
      await close();
      expect(more()).toHaveAttribute("aria-expanded", "false");
    }
  });

  it("says on the button where one is", () => {
    show("/incentives/policy");
    expect(more()).toHaveTextContent("Incentives");
    expect(more()).toHaveClass("active");
  });
});
