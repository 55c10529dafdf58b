import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "@/shared/lib/api";

/** What the server answered, for all pages. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // A refusal stays one; a server that is away comes back, and is asked until it does.
      retry: (failed, error) => !(error instanceof ApiError) && failed < 60,
      retryDelay: (failed) => Math.min(500 * 2 ** failed, 5000),
    },
  },
});
