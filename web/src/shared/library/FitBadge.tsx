import { Badge } from "@/shared/ui/Badge";
import type { Verdict } from "./data";
import { fits } from "./words";

/** Whether a model fits this machine, and why. */
export function FitBadge({ verdict }: { verdict: Verdict }) {
  const { tone, word } = fits[verdict.fit];
  return (
    <Badge tone={tone} title={verdict.reason}>
      {word}
    </Badge>
  );
}
