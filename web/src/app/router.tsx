import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Navigate, Outlet, redirect } from "@tanstack/react-router";
import { readSearch as readActivity } from "@/features/activity/search";
import { librarySearch } from "@/features/library/search";
import { readCalculatorSearch } from "@/features/money/calculation";
import { askEarly } from "@/features/usage/early";
import { readUsageSearch } from "@/features/usage/search";
import { type SetupStep, setupSteps } from "@/shared/setup";
import { auditSearch } from "@/features/audit/search";
import { settingsSearch } from "@/features/settings/search";
import { ErrorPage, NotFound } from "./ErrorPage";
import { Gate } from "./Gate";
import { queries } from "./queries";
import { LinkDoor, SetupDoor } from "./SetupDoor";

const rootRoute = createRootRoute({ component: Outlet, notFoundComponent: NotFound });

/** Everything inside needs somebody who is signed in. */
const inside = createRoute({ getParentRoute: () => rootRoute, id: "inside", component: Gate });

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

const setup = createRoute({
  getParentRoute: () => rootRoute,
  path: "/setup",
  validateSearch: (search: Record<string, unknown>): { token?: string } => {
    const token = text(search.token);
    return token === undefined ? {} : { token };
  },
  component: SetupDoor,
});

const withToken = (search: Record<string, unknown>): { token: string } => ({ token: text(search.token) ?? "" });

const invite = createRoute({ getParentRoute: () => rootRoute, path: "/invite", validateSearch: withToken, component: LinkDoor });
const reset = createRoute({ getParentRoute: () => rootRoute, path: "/reset", validateSearch: withToken, component: LinkDoor });

const home = createRoute({
  getParentRoute: () => inside,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/models" });
  },
  component: () => <Navigate to="/models" />,
});

const models = createRoute({
  getParentRoute: () => inside,
  path: "/models",
  component: lazyRouteComponent(() => import("@/features/providers/Providers"), "Providers"),
});

const provider = createRoute({
  getParentRoute: () => inside,
  path: "/models/$provider",
  component: lazyRouteComponent(() => import("@/features/providers/ProviderPage"), "ProviderPage"),
});

const catalog = createRoute({
  getParentRoute: () => inside,
  path: "/models/catalog",
  validateSearch: (search: Record<string, unknown>): { q?: string; can?: string; provider?: string; warm?: true } => {
    const q = text(search.q);
    const can = text(search.can);
    const one = text(search.provider);
    return {
      ...(q !== undefined && q !== "" && { q }),
      ...(can !== undefined && can !== "" && { can }),
      ...(one !== undefined && { provider: one }),
      ...(search.warm === true && { warm: true }),
    };
  },
  component: lazyRouteComponent(() => import("@/features/catalog/Catalog"), "Catalog"),
});

const keys = createRoute({
  getParentRoute: () => inside,
  path: "/keys",
  component: lazyRouteComponent(() => import("@/features/keys/Keys"), "Keys"),
});

const failover = createRoute({
  getParentRoute: () => inside,
  path: "/models/failover",
  validateSearch: (search: Record<string, unknown>): { chain?: string; new?: true } => {
    const chain = text(search.chain);
    return { ...(chain !== undefined && { chain }), ...(search.new === true && { new: true }) };
  },
  component: lazyRouteComponent(() => import("@/features/failover/Failover"), "Failover"),
});

const usage = createRoute({
  getParentRoute: () => inside,
  path: "/models/usage",
  validateSearch: readUsageSearch,
  beforeLoad: ({ search }) => {
    void askEarly(queries, search);
  },
  component: lazyRouteComponent(() => import("@/features/usage/Usage"), "Usage"),
});

const calculator = createRoute({
  getParentRoute: () => inside,
  path: "/models/calculator",
  validateSearch: readCalculatorSearch,
  component: lazyRouteComponent(() => import("@/features/money/Calculator"), "Calculator"),
});

const budgets = createRoute({
  getParentRoute: () => inside,
  path: "/budgets",
  component: lazyRouteComponent(() => import("@/features/money/Budgets"), "Budgets"),
});

const assistant = createRoute({
  getParentRoute: () => inside,
  path: "/setup/assistant",
  validateSearch: (search: Record<string, unknown>): { step?: SetupStep } => {
    const step = setupSteps.find((one) => one === search.step);
    return step === undefined ? {} : { step };
  },
  component: lazyRouteComponent(() => import("@/features/setup/Assistant"), "Assistant"),
});

const routing = createRoute({
  getParentRoute: () => inside,
  path: "/routing",
  validateSearch: (search: Record<string, unknown>): { tab?: "rules" | "explain"; model?: string; key?: string } => {
    const model = text(search.model);
    const key = text(search.key);
    return {
      ...(search.tab === "explain" && { tab: "explain" as const }),
      ...(model !== undefined && { model }),
      ...(key !== undefined && { key }),
    };
  },
  component: lazyRouteComponent(() => import("@/features/routing/Routing"), "Routing"),
});

const activity = createRoute({
  getParentRoute: () => inside,
  path: "/activity",
  validateSearch: readActivity,
  component: lazyRouteComponent(() => import("@/features/activity/Activity"), "Activity"),
});

const request = createRoute({
  getParentRoute: () => inside,
  path: "/activity/$request",
  component: lazyRouteComponent(() => import("@/features/activity/RequestPage"), "RequestPage"),
});

const library = createRoute({
  getParentRoute: () => inside,
  path: "/library",
  validateSearch: librarySearch,
  component: lazyRouteComponent(() => import("@/features/library/Library"), "Library"),
});

const settings = createRoute({
  getParentRoute: () => inside,
  path: "/settings",
  validateSearch: settingsSearch,
  component: lazyRouteComponent(() => import("@/features/settings/Settings"), "Settings"),
});

const audit = createRoute({
  getParentRoute: () => inside,
  path: "/audit",
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import("@/features/audit/Audit"), "Audit"),
});

/** Nothing of ours: told inside the shell, from where one finds the way. */
const elsewhere = createRoute({ getParentRoute: () => inside, path: "$", component: NotFound });

const tree = rootRoute.addChildren([
  setup,
  invite,
  reset,
  inside.addChildren([home, models, provider, catalog, failover, library, keys, assistant, routing, activity, request, settings, audit, usage, calculator, budgets, elsewhere]),
]);

export const router = createRouter({
  routeTree: tree,
  defaultPreload: "intent",
  defaultErrorComponent: ErrorPage,
  defaultNotFoundComponent: NotFound,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
